// Copies between JavaScript's typed arrays, file descriptors and tensors.
#include "io/host_copy.h"

#include <ATen/ATen.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <limits>

#include "boundary/guard.h"
#include "boundary/marshal.h"
#include "io/extent.h"

namespace lorashear {
namespace {

struct Bytes {
  const char* data;
  size_t size;
};

// What a typed array or a DataView shows, also of a SharedArrayBuffer.
Bytes bytes_in(const Napi::Value& value) {
  if (value.IsTypedArray()) {
    const auto view = value.As<Napi::TypedArray>();
    void* data = nullptr;
    napi_get_typedarray_info(value.Env(), value, nullptr, nullptr, &data, nullptr, nullptr);
    return {static_cast<const char*>(data), view.ByteLength()};
  }
  if (value.IsDataView()) {
    const auto view = value.As<Napi::DataView>();
    return {static_cast<const char*>(view.Data()), view.ByteLength()};
  }
  throw BadArgument("argument 'view' must be a typed array or a DataView");
}

// fromBytes(view, dtype, shape): a CPU tensor holding a copy of the view's bytes.
Napi::Value from_bytes(const Napi::CallbackInfo& info) {
  return guard(info.Env(), [&] {
    State& state = state_of(info.Env());
    const auto [data, size] = bytes_in(info[0]);
    const at::ScalarType dtype = element_type_of(info[1]);
    const std::vector<int64_t> shape = ints_of(info[2], "shape");
    if (bytes_of(shape, dtype) != size) {
      throw BadArgument("shape takes " + std::to_string(bytes_of(shape, dtype)) + " bytes, got " +
                        std::to_string(size));
    }
    at::Tensor tensor = at::empty(shape, at::TensorOptions().dtype(dtype));
    if (size > 0) std::memcpy(tensor.data_ptr(), data, size);
    return Napi::Number::New(info.Env(), state.tensors.put(std::move(tensor)));
  });
}

at::Tensor on_host(State& state, const Napi::Value& value) {
  // contiguous() alone would keep the mark of a lazy conjugate and give the bytes that it stands
  // on.
  const at::Tensor host = tensor_of(state, value, "tensor").detach().to(at::kCPU);
  return host.resolve_conj().resolve_neg().contiguous();
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
    const uint64_t number = whole_of(info[0], "fd");
    if (number > std::numeric_limits<int>::max()) throw BadArgument("there is no such descriptor");
    const int fd = static_cast<int>(number);
    auto position = static_cast<off_t>(whole_of(info[1], "position"));
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
