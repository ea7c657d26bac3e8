// What an operator returned, as JavaScript has it.
#include "boundary/guard.h"
#include "boundary/marshal.h"

namespace lorashear {
namespace {

constexpr double kSafeInteger = 9007199254740992.0;

// Exact where JavaScript's numbers are, a BigInt beyond.
Napi::Value whole_number(Napi::Env env, int64_t number) {
  if (std::abs(static_cast<double>(number)) >= kSafeInteger) return Napi::BigInt::New(env, number);
  return Napi::Number::New(env, static_cast<double>(number));
}

}  // namespace

Napi::Value from_ivalue(Napi::Env env, State& state, const c10::IValue& value) {
  if (value.isTensor()) {
    const at::Tensor& tensor = value.toTensor();
    if (!tensor.defined()) return env.Null();
    return Napi::Number::New(env, state.tensors.put(tensor));
  }
  if (value.isNone()) return env.Null();
  if (value.isInt()) return whole_number(env, value.toInt());
  if (value.isSymInt()) return whole_number(env, value.toSymInt().guard_int(__FILE__, __LINE__));
  if (value.isDouble()) return Napi::Number::New(env, value.toDouble());
  if (value.isComplexDouble()) {
    const auto number = value.toComplexDouble();
    Napi::Array parts = Napi::Array::New(env, 2);
    parts.Set(0u, Napi::Number::New(env, number.real()));
    parts.Set(1u, Napi::Number::New(env, number.imag()));
    return parts;
  }
  if (value.isBool()) return Napi::Boolean::New(env, value.toBool());
  if (value.isString()) return Napi::String::New(env, value.toStringRef());
  if (value.isDevice()) return Napi::String::New(env, value.toDevice().str());
  if (value.isTuple() || value.isList()) {
    const std::vector<c10::IValue> items =
        value.isTuple() ? value.toTupleRef().elements().vec() : value.toListRef().vec();
    Napi::Array array = Napi::Array::New(env, items.size());
    for (size_t i = 0; i < items.size(); ++i) {
      array.Set(static_cast<uint32_t>(i), from_ivalue(env, state, items[i]));
    }
    return array;
  }
  throw BadArgument("the operator returned a value of the unsupported kind " + value.tagKind());
}

}  // namespace lorashear
