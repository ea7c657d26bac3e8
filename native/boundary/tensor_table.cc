// Handles seen from JavaScript: free, count, and what a tensor is.
#include "boundary/tensor_table.h"

#include "boundary/guard.h"
#include "boundary/marshal.h"

namespace lorashear {
namespace {

bool is_float64_array(const Napi::Value& value) {
  return value.IsTypedArray() &&
         value.As<Napi::TypedArray>().TypedArrayType() == napi_float64_array;
}

// free(handles: Float64Array | number[] | number, count?): drops one reference each; with a count
// only the first ones. Stale handles are an error.
void free_handles(const Napi::CallbackInfo& info) {
  guard(info.Env(), [&] {
    State& state = state_of(info.Env());
    if (info[0].IsNumber()) {
      state.tensors.free(number_of(info[0], "handle"));
    } else if (info[1].IsNumber()) {
      if (!is_float64_array(info[0])) throw BadArgument("'handles' must be a Float64Array");
      const auto handles = info[0].As<Napi::Float64Array>();
      const auto count = static_cast<size_t>(int_of(info[1], "count"));
      if (count > handles.ElementLength()) throw BadArgument("argument 'count' is too large");
      for (size_t i = 0; i < count; ++i) state.tensors.free(handles[i]);
    } else {
      for (double handle : numbers_of(info[0], "handles")) state.tensors.free(handle);
    }
  });
}

Napi::Value is_alive(const Napi::CallbackInfo& info) {
  return guard(info.Env(), [&] {
    return Napi::Boolean::New(info.Env(),
                              state_of(info.Env()).tensors.alive(number_of(info[0], "handle")));
  });
}

// alias(handle): a second handle on the same tensor, with a lifetime of its own.
Napi::Value alias(const Napi::CallbackInfo& info) {
  return guard(info.Env(), [&] {
    State& state = state_of(info.Env());
    at::Tensor tensor = tensor_of(state, info[0], "tensor");
    return Napi::Number::New(info.Env(), state.tensors.put(std::move(tensor)));
  });
}

Napi::Value count(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(state_of(info.Env()).tensors.count()));
}

Napi::Value bytes(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(state_of(info.Env()).tensors.bytes()));
}

Napi::Value shape(const Napi::CallbackInfo& info) {
  return guard(info.Env(), [&] {
    const auto sizes = tensor_of(state_of(info.Env()), info[0], "tensor").sizes();
    Napi::Array array = Napi::Array::New(info.Env(), sizes.size());
    for (size_t i = 0; i < sizes.size(); ++i) {
      array.Set(static_cast<uint32_t>(i),
                Napi::Number::New(info.Env(), static_cast<double>(sizes[i])));
    }
    return array;
  });
}

Napi::Value dtype(const Napi::CallbackInfo& info) {
  return guard(info.Env(), [&] {
    const auto type = tensor_of(state_of(info.Env()), info[0], "tensor").scalar_type();
    return Napi::Number::New(info.Env(), static_cast<int>(type));
  });
}

Napi::Value device(const Napi::CallbackInfo& info) {
  return guard(info.Env(), [&] {
    return Napi::String::New(info.Env(),
                             tensor_of(state_of(info.Env()), info[0], "tensor").device().str());
  });
}

// item(tensor): the value of a one-element tensor; waits for the device.
Napi::Value item(const Napi::CallbackInfo& info) {
  return guard(info.Env(), [&] {
    const auto scalar = tensor_of(state_of(info.Env()), info[0], "tensor").item();
    return Napi::Number::New(info.Env(),
                             scalar.isBoolean() ? scalar.to<bool>() : scalar.toDouble());
  });
}

}  // namespace

void export_tensor_table(Napi::Env env, Napi::Object exports) {
  exports.Set("free", Napi::Function::New(env, free_handles, "free"));
  exports.Set("isAlive", Napi::Function::New(env, is_alive, "isAlive"));
  exports.Set("alias", Napi::Function::New(env, alias, "alias"));
  exports.Set("count", Napi::Function::New(env, count, "count"));
  exports.Set("bytes", Napi::Function::New(env, bytes, "bytes"));
  exports.Set("shape", Napi::Function::New(env, shape, "shape"));
  exports.Set("dtype", Napi::Function::New(env, dtype, "dtype"));
  exports.Set("device", Napi::Function::New(env, device, "device"));
  exports.Set("item", Napi::Function::New(env, item, "item"));
}

}  // namespace lorashear
