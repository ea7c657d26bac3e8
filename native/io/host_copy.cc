// Copies between JavaScript's typed arrays, file descriptors and tensors.
#include "io/host_copy.h"

#include <ATen/ATen.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "boundary/guard.h"
#include "boundary/marshal.h"

namespace lorashear {
namespace {

// fromBytes(view, dtype, shape): a CPU tensor holding a copy of the view's bytes.
Napi::Value from_bytes(const Napi::CallbackInfo& info) {
  return guard(info.Env(), [&] {
    State& state = state_of(info.Env());
    const Napi::TypedArray view = info[0].As<Napi::TypedArray>();
    const auto dtype = static_cast<at::ScalarType>(number_of(info[1], "dtype"));
    at::Tensor tensor = at::empty(ints_of(info[2], "shape"), at::TensorOptions().dtype(dtype));
    if (tensor.nbytes() != view.ByteLength()) {
      throw BadArgument("shape takes " + std::to_string(tensor.nbytes()) + " bytes, got " +
                        std::to_string(view.ByteLength()));
    }
    const auto* data = static_cast<const char*>(view.ArrayBuffer().Data()) + view.ByteOffset();
    if (tensor.nbytes() > 0) std::memcpy(tensor.data_ptr(), data, tensor.nbytes());
    return Napi::Number::New(info.Env(), state.tensors.put(std::move(tensor)));
  });
}

at::Tensor on_host(State& state, const Napi::Value& value) {
  return tensor_of(state, value, "tensor").detach().to(at::kCPU).contiguous();
}

// toBytes(tensor): an ArrayBuffer with the elements in row-major order.
Napi::Value to_bytes(const Napi::CallbackInfo& info) {
  return guard(info.Env(), [&] {
    const at::Tensor host = on_host(state_of(info.Env()), info[0]);
    Napi::ArrayBuffer buffer = Napi::ArrayBuffer::New(info.Env(), host.nbytes());
    if (host.nbytes() > 0) std::memcpy(buffer.Data(), host.data_ptr(), host.nbytes());
    return buffer;
  });
}

// writeTensor(fd, position, tensor): writes the elements to an open file; returns the bytes
// written.
Napi::Value write_tensor(const Napi::CallbackInfo& info) {
  return guard(info.Env(), [&] {
    const int fd = static_cast<int>(number_of(info[0], "fd"));
    auto position = static_cast<off_t>(number_of(info[1], "position"));
    const at::Tensor host = on_host(state_of(info.Env()), info[2]);
    const char* data = static_cast<const char*>(host.data_ptr());
    size_t left = host.nbytes();
    while (left > 0) {
      const ssize_t written = ::pwrite(fd, data, left, position);
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0)
        throw std::runtime_error(std::string("write failed: ") + std::strerror(errno));
      data += written;
      position += written;
      left -= static_cast<size_t>(written);
    }
    return Napi::Number::New(info.Env(), static_cast<double>(host.nbytes()));
  });
}

}  // namespace

void export_host_copy(Napi::Env env, Napi::Object exports) {
  exports.Set("fromBytes", Napi::Function::New(env, from_bytes, "fromBytes"));
  exports.Set("toBytes", Napi::Function::New(env, to_bytes, "toBytes"));
  exports.Set("writeTensor", Napi::Function::New(env, write_tensor, "writeTensor"));
}

}  // namespace lorashear
