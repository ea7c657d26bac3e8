// Reading arguments straight into the types of a C++ signature, and calling it.
#include "boundary/unboxed.h"

#include <ATen/core/LegacyTypeDispatch.h>
#include <c10/core/GradMode.h>
#include <c10/core/SymIntArrayRef.h>

#include <optional>
#include <tuple>
#include <utility>

#include "boundary/marshal.h"

namespace lorashear {
namespace {

using Parameters = std::vector<c10::Argument>;

struct Reader {
  State& state;
  const Given& given;
  const Parameters& parameters;
  // Whether a tensor among the arguments requires a gradient.
  bool needs_grad = false;

  const std::string& name(size_t i) const { return parameters[i].name(); }

  // The value at `i`, or nothing where the parameter's default stands for it.
  std::optional<Napi::Value> value(size_t i) const {
    const Napi::Value value(given.env, i < given.count ? given.values[i] : nullptr);
    const bool absent = value.IsEmpty() || value.IsUndefined();
    if (absent && parameters[i].default_value()) return std::nullopt;
    return value.IsEmpty() ? given_undefined() : value;
  }

  c10::IValue fallback(size_t i) const {
    return parameters[i].default_value().value_or(c10::IValue());
  }

  Napi::Value given_undefined() const { return Napi::Env(given.env).Undefined(); }

  const at::Tensor& tensor(size_t i) {
    double handle = 0;
    const bool is_number =
        i < given.count && napi_get_value_double(given.env, given.values[i], &handle) == napi_ok;
    const at::Tensor& tensor =
        is_number ? state.tensors.get(handle)
                  : tensor_of(state, value(i).value_or(given_undefined()), name(i));
    needs_grad = needs_grad || tensor.requires_grad();
    return tensor;
  }
};

// How an argument of a C++ type is read, held during the call, and passed.
template <typename T>
struct Argument;

template <>
struct Argument<const at::Tensor&> {
  static constexpr auto kind = c10::TypeKind::TensorType;
  using Held = std::reference_wrapper<const at::Tensor>;
  static Held read(Reader& reader, size_t i) { return reader.tensor(i); }
  static const at::Tensor& pass(Held& held) { return held; }
};

template <>
struct Argument<const std::optional<at::Tensor>&> {
  static constexpr auto kind = c10::TypeKind::OptionalType;
  using Held = std::optional<at::Tensor>;
  static Held read(Reader& reader, size_t i) {
    const auto value = reader.value(i);
    if (!value || value->IsNull() || value->IsUndefined()) return std::nullopt;
    return reader.tensor(i);
  }
  static const Held& pass(Held& held) { return held; }
};

template <>
struct Argument<const at::Scalar&> {
  static constexpr auto kind = c10::TypeKind::NumberType;
  using Held = at::Scalar;
  static Held read(Reader& reader, size_t i) {
    const auto value = reader.value(i);
    return value ? scalar_of(*value, reader.name(i)) : reader.fallback(i).toScalar();
  }
  static const Held& pass(Held& held) { return held; }
};

template <>
struct Argument<int64_t> {
  static constexpr auto kind = c10::TypeKind::IntType;
  using Held = int64_t;
  static Held read(Reader& reader, size_t i) {
    const auto value = reader.value(i);
    return value ? int_of(*value, reader.name(i)) : reader.fallback(i).toInt();
  }
  static int64_t pass(Held held) { return held; }
};

template <>
struct Argument<c10::SymIntArrayRef> {
  static constexpr auto kind = c10::TypeKind::ListType;
  using Held = std::vector<int64_t>;
  static Held read(Reader& reader, size_t i) {
    return ints_of(reader.value(i).value_or(reader.given_undefined()), reader.name(i));
  }
  static c10::SymIntArrayRef pass(Held& held) { return c10::fromIntArrayRefSlow(held); }
};

template <typename... Arguments>
class UnboxedCall final : public Unboxed {
 public:
  using Signature = at::Tensor(Arguments...);

  explicit UnboxedCall(const c10::OperatorHandle& op) : op_(op.typed<Signature>()) {}

  // Whether the schema's parameters are of the kinds that these C++ types stand for.
  static bool fits(const Parameters& parameters) {
    return fits(parameters, std::index_sequence_for<Arguments...>());
  }

  at::Tensor call(State& state, const Given& given) const override {
    return call(state, given, std::index_sequence_for<Arguments...>());
  }

 private:
  template <typename T>
  static bool fits_one(const c10::Argument& parameter) {
    const c10::Type& type = *parameter.real_type();
    if (type.kind() != Argument<T>::kind) return false;
    if (const auto* list = type.castRaw<c10::ListType>()) {
      return list->getElementType()->kind() == c10::TypeKind::SymIntType;
    }
    if (const auto* optional = type.castRaw<c10::OptionalType>()) {
      return optional->getElementType()->kind() == c10::TypeKind::TensorType;
    }
    return true;
  }

  template <size_t... I>
  static bool fits(const Parameters& parameters, std::index_sequence<I...>) {
    return parameters.size() == sizeof...(Arguments) && (fits_one<Arguments>(parameters[I]) && ...);
  }

  template <size_t... I>
  at::Tensor call(State& state, const Given& given, std::index_sequence<I...>) const {
    Reader reader{state, given, op_.schema().arguments()};
    // Braces read from left to right, so that an error names the first wrong argument.
    std::tuple<typename Argument<Arguments>::Held...> held{Argument<Arguments>::read(reader, I)...};
    // Without a gradient to record, libtorch's autograd layer would only look and pass on: 60 ns.
    // Views and in-place counters are kept by a layer below it, as in libtorch's own kernels.
    std::optional<at::AutoDispatchBelowAutograd> below;
    if (!(reader.needs_grad && c10::GradMode::is_enabled())) below.emplace();
    return op_.call(Argument<Arguments>::pass(std::get<I>(held))...);
  }

  c10::TypedOperatorHandle<Signature> op_;
};

template <typename Call>
bool take(const c10::OperatorHandle& op, std::unique_ptr<Unboxed>* out) {
  if (!Call::fits(op.schema().arguments())) return false;
  try {
    *out = std::make_unique<Call>(op);
  } catch (const c10::Error&) {  // its kernel was registered with another C++ signature
    return false;
  }
  return true;
}

template <typename... Calls>
std::unique_ptr<Unboxed> first_of(const c10::OperatorHandle& op) {
  std::unique_ptr<Unboxed> found;
  (take<Calls>(op, &found) || ...);
  return found;
}

}  // namespace

std::unique_ptr<Unboxed> unboxed_of(const c10::OperatorHandle& op) {
  const auto& returns = op.schema().returns();
  const bool one_tensor =
      returns.size() == 1 && returns[0].type()->kind() == c10::TypeKind::TensorType;
  if (!one_tensor) return nullptr;
  for (const auto& parameter : op.schema().arguments()) {
    if (parameter.alias_info() && parameter.alias_info()->isWrite()) return nullptr;
  }
  using T = const at::Tensor&;
  using Maybe = const std::optional<at::Tensor>&;
  using Number = const at::Scalar&;
  using Dims = c10::SymIntArrayRef;
  return first_of<UnboxedCall<T>, UnboxedCall<T, T>, UnboxedCall<T, T, Number>,
                  UnboxedCall<T, Number>, UnboxedCall<T, Number, Number>, UnboxedCall<T, T, Maybe>,
                  UnboxedCall<T, Dims>, UnboxedCall<T, int64_t>, UnboxedCall<T, int64_t, int64_t>,
                  UnboxedCall<T, int64_t, T>>(op);
}

}  // namespace lorashear
