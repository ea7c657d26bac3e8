// Operators of the commonest signatures called without boxing their arguments: boxing costs 60 to
// 450 ns a call (bench boundary), and add of one element takes libtorch 500 ns in all.
#pragma once

#include <ATen/core/dispatch/Dispatcher.h>
#include <napi.h>

#include <memory>

namespace lorashear {

struct State;

// What JavaScript gave, by position.
struct Given {
  napi_env env;
  const napi_value* values;
  size_t count;
};

class Unboxed {
 public:
  virtual ~Unboxed() = default;
  virtual at::Tensor call(State& state, const Given& given) const = 0;
};

// The operator's direct call, or null where its signature is not one of those that have one.
std::unique_ptr<Unboxed> unboxed_of(const c10::OperatorHandle& op);

}  // namespace lorashear
