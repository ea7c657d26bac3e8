// Gradients: backward and grad over libtorch's autograd, grad mode, leaves.
#include "session/autograd.h"

#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/variable.h>

#include "boundary/guard.h"
#include "boundary/marshal.h"
#include "kernels/remade.h"

namespace lorashear {
namespace {

bool flag_of(const Napi::Value& value) {
  return value.IsBoolean() && value.ToBoolean().Value();
}

std::vector<at::Tensor> optional_tensors(State& state, const Napi::Value& value) {
  if (value.IsNull() || value.IsUndefined()) return {};
  return tensors_of(state, value, "gradients");
}

// backward(outputs, gradients | null, retainGraph): accumulates into .grad of the leaves.
void backward(const Napi::CallbackInfo& info) {
  guard(info.Env(), [&] {
    State& state = state_of(info.Env());
    torch::autograd::backward(tensors_of(state, info[0], "outputs"),
                              optional_tensors(state, info[1]), flag_of(info[2]), false);
  });
}

// grad(outputs, inputs, gradients | null, retainGraph): gradients of the inputs, null where unused.
Napi::Value grad(const Napi::CallbackInfo& info) {
  return guard(info.Env(), [&] {
    State& state = state_of(info.Env());
    const auto gradients = torch::autograd::grad(
        tensors_of(state, info[0], "outputs"), tensors_of(state, info[1], "inputs"),
        optional_tensors(state, info[2]), flag_of(info[3]), false, true);
    Napi::Array results = Napi::Array::New(info.Env(), gradients.size());
    for (size_t i = 0; i < gradients.size(); ++i) {
      results.Set(static_cast<uint32_t>(i), from_ivalue(info.Env(), state, gradients[i]));
    }
    return results;
  });
}

Napi::Value grad_of(const Napi::CallbackInfo& info) {
  return guard(info.Env(), [&]() -> Napi::Value {
    State& state = state_of(info.Env());
    return from_ivalue(info.Env(), state, tensor_of(state, info[0], "tensor").grad());
  });
}

void clear_grads(const Napi::CallbackInfo& info) {
  guard(info.Env(), [&] {
    for (auto& tensor : tensors_of(state_of(info.Env()), info[0], "tensors")) {
      tensor.mutable_grad() = at::Tensor();
    }
  });
}

Napi::Value is_leaf(const Napi::CallbackInfo& info) {
  return guard(info.Env(), [&] {
    return Napi::Boolean::New(info.Env(),
                              tensor_of(state_of(info.Env()), info[0], "tensor").is_leaf());
  });
}

Napi::Value requires_grad(const Napi::CallbackInfo& info) {
  return guard(info.Env(), [&] {
    return Napi::Boolean::New(info.Env(),
                              tensor_of(state_of(info.Env()), info[0], "tensor").requires_grad());
  });
}

void set_requires_grad(const Napi::CallbackInfo& info) {
  guard(info.Env(), [&] {
    tensor_of(state_of(info.Env()), info[0], "tensor").set_requires_grad(flag_of(info[1]));
  });
}

Napi::Value grad_mode(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), at::GradMode::is_enabled());
}

// This and the next give what it was.
Napi::Value set_grad_mode(const Napi::CallbackInfo& info) {
  const bool before = at::GradMode::is_enabled();
  at::GradMode::set_enabled(flag_of(info[0]));
  return Napi::Boolean::New(info.Env(), before);
}

Napi::Value set_remaking_here(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), set_remaking(flag_of(info[0])));
}

}  // namespace

void export_autograd(Napi::Env env, Napi::Object exports) {
  exports.Set("backward", Napi::Function::New(env, backward, "backward"));
  exports.Set("grad", Napi::Function::New(env, grad, "grad"));
  exports.Set("gradOf", Napi::Function::New(env, grad_of, "gradOf"));
  exports.Set("clearGrads", Napi::Function::New(env, clear_grads, "clearGrads"));
  exports.Set("isLeaf", Napi::Function::New(env, is_leaf, "isLeaf"));
  exports.Set("requiresGrad", Napi::Function::New(env, requires_grad, "requiresGrad"));
  exports.Set("setRequiresGrad", Napi::Function::New(env, set_requires_grad, "setRequiresGrad"));
  exports.Set("gradMode", Napi::Function::New(env, grad_mode, "gradMode"));
  exports.Set("setGradMode", Napi::Function::New(env, set_grad_mode, "setGradMode"));
  exports.Set("setRemaking", Napi::Function::New(env, set_remaking_here, "setRemaking"));
}

}  // namespace lorashear
