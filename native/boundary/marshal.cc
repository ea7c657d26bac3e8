// Reading arguments, driven by the types of the operator's schema (design §3.3).
#include "boundary/marshal.h"

#include <ATen/core/List.h>
#include <ATen/core/jit_type.h>
#include <c10/core/Scalar.h>

#include <cmath>

#include "boundary/guard.h"
#include "boundary/types.h"

namespace lorashear {
namespace {

constexpr double kSafeInteger = 9007199254740992.0;

[[noreturn]] void refuse(const std::string& name, const std::string& expected,
                         const Napi::Value& value) {
  const std::string given =
      value.IsUndefined() ? "undefined" : value.ToString().Utf8Value().substr(0, 60);
  throw BadArgument("argument '" + name + "' must be " + expected + ", got " + given);
}

int64_t int_of(double number, const std::string& name) {
  if (!(std::abs(number) <= kSafeInteger) || std::floor(number) != number) {
    throw BadArgument("argument '" + name + "' must be an integer, got " + std::to_string(number));
  }
  return static_cast<int64_t>(number);
}

int64_t enum_of(const Napi::Value& value, c10::TypeKind kind, const std::string& name) {
  if (!value.IsString()) return lorashear::int_of(value, name);
  const auto& names = names_of(kind);
  const auto found = names.find(value.As<Napi::String>().Utf8Value());
  if (found != names.end()) return found->second;
  const char* what = kind == c10::TypeKind::ScalarTypeType ? "a dtype such as 'float32'"
                     : kind == c10::TypeKind::LayoutType
                         ? "a layout such as 'strided'"
                         : "a memory format such as 'channels_last'";
  refuse(name, what, value);
}

template <typename T, typename Read>
c10::List<T> list_of(const Napi::Value& value, const std::string& name, Read read) {
  c10::List<T> list;
  for (double number : numbers_of(value, name)) list.push_back(read(number));
  return list;
}

template <typename T, typename Read>
c10::List<T> array_of(const Napi::Value& value, const std::string& name, const char* expected,
                      Read read) {
  if (!value.IsArray()) refuse(name, expected, value);
  c10::List<T> list;
  const Napi::Array array = value.As<Napi::Array>();
  for (uint32_t i = 0; i < array.Length(); ++i) list.push_back(read(Napi::Value(array.Get(i))));
  return list;
}

template <typename T, typename Read>
c10::List<std::optional<T>> optionals_of(const Napi::Value& value, const std::string& name,
                                         const char* expected, Read read) {
  return array_of<std::optional<T>>(value, name, expected, [&](const Napi::Value& item) {
    const bool absent = item.IsNull() || item.IsUndefined();
    return absent ? std::nullopt : std::optional<T>(read(item));
  });
}

c10::IValue list_to_ivalue(State& state, const Napi::Value& value, const c10::Type& element,
                           const std::string& name) {
  switch (element.kind()) {
    case c10::TypeKind::TensorType: {
      c10::List<at::Tensor> list;
      for (auto& tensor : tensors_of(state, value, name)) list.push_back(tensor);
      return list;
    }
    case c10::TypeKind::OptionalType:
      if (element.castRaw<c10::OptionalType>()->getElementType()->kind() ==
          c10::TypeKind::TensorType) {
        return optionals_of<at::Tensor>(value, name, "an array of tensors or nulls",
                                        [&](const auto& x) { return tensor_of(state, x, name); });
      }
      return optionals_of<at::Scalar>(value, name, "an array of numbers or nulls",
                                      [&](const auto& x) { return scalar_of(x, name); });
    case c10::TypeKind::IntType:
    case c10::TypeKind::SymIntType:
    case c10::TypeKind::ScalarTypeType:
      return list_of<int64_t>(value, name, [&](double x) { return int_of(x, name); });
    case c10::TypeKind::FloatType:
      return list_of<double>(value, name, [](double x) { return x; });
    case c10::TypeKind::BoolType:
      return array_of<bool>(value, name, "an array of booleans",
                            [](const auto& x) { return x.ToBoolean().Value(); });
    case c10::TypeKind::NumberType:
      return array_of<c10::Scalar>(value, name, "an array of numbers",
                                   [&](const auto& x) { return scalar_of(x, name); });
    case c10::TypeKind::StringType:
      return array_of<std::string>(value, name, "an array of strings",
                                   [](const auto& x) { return x.ToString().Utf8Value(); });
    default:
      throw BadArgument("argument '" + name + "' has the unsupported type " + element.str() + "[]");
  }
}

}  // namespace

int64_t int_of(const Napi::Value& value, const std::string& name) {
  if (value.IsBigInt()) {
    bool lossless = false;
    const int64_t number = value.As<Napi::BigInt>().Int64Value(&lossless);
    if (!lossless) refuse(name, "an integer of 64 bits", value);
    return number;
  }
  return int_of(number_of(value, name), name);
}

// JavaScript has one number type: whole numbers are integer scalars, as they are in Python text.
// A complex number is [re, im].
c10::Scalar scalar_of(const Napi::Value& value, const std::string& name) {
  if (value.IsBoolean()) return c10::Scalar(value.As<Napi::Boolean>().Value());
  if (value.IsBigInt()) return c10::Scalar(int_of(value, name));
  if (value.IsArray()) {
    const std::vector<double> parts = numbers_of(value, name);
    if (parts.size() == 2) return c10::Scalar(c10::complex<double>(parts[0], parts[1]));
  }
  const double number = number_of(value, name);
  const bool negative_zero = number == 0 && std::signbit(number);
  if (std::floor(number) == number && std::abs(number) < kSafeInteger && !negative_zero) {
    return c10::Scalar(static_cast<int64_t>(number));
  }
  return c10::Scalar(number);
}

double number_of(const Napi::Value& value, const std::string& name) {
  if (!value.IsNumber()) refuse(name, "a number", value);
  return value.As<Napi::Number>().DoubleValue();
}

std::vector<double> numbers_of(const Napi::Value& value, const std::string& name) {
  std::vector<double> numbers;
  if (value.IsTypedArray()) {
    const Napi::TypedArray typed = value.As<Napi::TypedArray>();
    numbers.reserve(typed.ElementLength());
    if (typed.TypedArrayType() == napi_int32_array) {
      const auto ints = value.As<Napi::Int32Array>();
      for (size_t i = 0; i < ints.ElementLength(); ++i) numbers.push_back(ints[i]);
    } else if (typed.TypedArrayType() == napi_float64_array) {
      const auto doubles = value.As<Napi::Float64Array>();
      for (size_t i = 0; i < doubles.ElementLength(); ++i) numbers.push_back(doubles[i]);
    } else {
      refuse(name, "an array, Int32Array or Float64Array", value);
    }
    return numbers;
  }
  if (!value.IsArray()) refuse(name, "an array of numbers", value);
  const Napi::Array array = value.As<Napi::Array>();
  const uint32_t length = array.Length();
  numbers.reserve(length);
  for (uint32_t i = 0; i < length; ++i) numbers.push_back(number_of(array.Get(i), name));
  return numbers;
}

std::vector<int64_t> ints_of(const Napi::Value& value, const std::string& name) {
  std::vector<int64_t> ints;
  for (double number : numbers_of(value, name)) ints.push_back(int_of(number, name));
  return ints;
}

at::Tensor& tensor_of(State& state, const Napi::Value& value, const std::string& name) {
  if (!value.IsNumber()) refuse(name, "a tensor", value);
  return state.tensors.get(value.As<Napi::Number>().DoubleValue());
}

std::vector<at::Tensor> tensors_of(State& state, const Napi::Value& value,
                                   const std::string& name) {
  std::vector<at::Tensor> tensors;
  for (double handle : numbers_of(value, name)) tensors.push_back(state.tensors.get(handle));
  return tensors;
}

c10::IValue to_ivalue(State& state, const Napi::Value& value, const c10::Type& type,
                      const std::string& name) {
  switch (type.kind()) {
    case c10::TypeKind::TensorType:
      return tensor_of(state, value, name);
    case c10::TypeKind::OptionalType: {
      if (value.IsNull() || value.IsUndefined()) return c10::IValue();
      return to_ivalue(state, value, *type.castRaw<c10::OptionalType>()->getElementType(), name);
    }
    case c10::TypeKind::ListType: {
      const c10::Type& element = *type.castRaw<c10::ListType>()->getElementType();
      // ATen lets a single int stand for int[k] (kernel sizes, dims).
      if (value.IsNumber() && (element.kind() == c10::TypeKind::IntType ||
                               element.kind() == c10::TypeKind::SymIntType)) {
        c10::List<int64_t> list;
        list.push_back(int_of(value, name));
        return list;
      }
      return list_to_ivalue(state, value, element, name);
    }
    case c10::TypeKind::IntType:
    case c10::TypeKind::SymIntType:
    case c10::TypeKind::QSchemeType:
      return int_of(value, name);
    case c10::TypeKind::ScalarTypeType:
    case c10::TypeKind::LayoutType:
    case c10::TypeKind::MemoryFormatType:
      return enum_of(value, type.kind(), name);
    case c10::TypeKind::FloatType:
      return number_of(value, name);
    case c10::TypeKind::BoolType:
    case c10::TypeKind::SymBoolType:
      if (!value.IsBoolean()) refuse(name, "a boolean", value);
      return value.As<Napi::Boolean>().Value();
    case c10::TypeKind::NumberType:
      return scalar_of(value, name);
    case c10::TypeKind::StringType:
      if (!value.IsString()) refuse(name, "a string", value);
      return value.As<Napi::String>().Utf8Value();
    case c10::TypeKind::DeviceObjType:
      if (!value.IsString()) refuse(name, "a device such as 'cpu' or 'cuda:0'", value);
      return c10::Device(value.As<Napi::String>().Utf8Value());
    case c10::TypeKind::GeneratorType: {
      const int64_t index = int_of(value, name);
      if (index < 0 || index >= static_cast<int64_t>(state.generators.size())) {
        refuse(name, "a generator", value);
      }
      return state.generators[index];
    }
    default:
      throw BadArgument("argument '" + name + "' has the unsupported type " + type.str());
  }
}

}  // namespace lorashear
