// Operators of the commonest signatures called without boxing their arguments: in a loop of C++
// boxing costs 60 ns a call (add) to 450 (linear with grad), and add of one element takes libtorch
// 490 to 550 ns in all. What it comes to from JavaScript: bench boundary.
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
