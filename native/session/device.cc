// The machine that libtorch sees: threads, devices and their memory, versions.
#include "session/device.h"

#include <ATen/Context.h>
#include <ATen/DeviceAccelerator.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <torch/version.h>

#include "boundary/guard.h"
#include "boundary/marshal.h"
#include "kernels/device_kernels.h"

namespace lorashear {
namespace {

Napi::Value versions(const Napi::CallbackInfo& info) {
  return guard(info.Env(), [&] {
    Napi::Object versions = Napi::Object::New(info.Env());
    versions.Set("libtorch", TORCH_VERSION);
    versions.Set("capability", at::get_cpu_capability());
    versions.Set("threads", at::get_num_threads());
    versions.Set("cudaKernels", kCudaKernels);
    versions.Set("cudaDevices",
                 static_cast<double>(at::hasCUDA() ? at::detail::getCUDAHooks().deviceCount() : 0));
    return versions;
  });
}

void set_threads(const Napi::CallbackInfo& info) {
  guard(info.Env(), [&] { at::set_num_threads(static_cast<int>(number_of(info[0], "threads"))); });
}

// deterministic(on): libtorch refuses or replaces kernels whose result depends on scheduling.
void set_deterministic(const Napi::CallbackInfo& info) {
  guard(info.Env(), [&] {
    at::globalContext().setDeterministicAlgorithms(info[0].ToBoolean().Value(), false);
  });
}

// The accelerator of that name, ready for use; none where libtorch sees no such device.
std::optional<c10::Device> accelerator_of(const Napi::Value& name) {
  c10::Device device(name.As<Napi::String>().Utf8Value());
  if (at::accelerator::getAccelerator() != device.type()) return std::nullopt;
  if (!device.has_index()) device.set_index(at::accelerator::getDeviceIndex());
  if (device.index() >= at::accelerator::deviceCount()) return std::nullopt;
  at::globalContext().lazyInitDevice(device.type());
  return device;
}

// deviceMemory(device): bytes that the caching allocator of an accelerator gave out and holds, and
// what the driver says; null where there is no such device.
Napi::Value device_memory(const Napi::CallbackInfo& info) {
  return guard(info.Env(), [&]() -> Napi::Value {
    const auto device = accelerator_of(info[0]);
    if (!device) return info.Env().Null();
    auto* allocator = at::getDeviceAllocator(device->type());
    const auto stats = allocator->getDeviceStats(device->index());
    const auto [free, total] = allocator->getMemoryInfo(device->index());
    const auto& allocated = stats.allocated_bytes[0];  // of both of its pools
    const auto& reserved = stats.reserved_bytes[0];
    Napi::Object memory = Napi::Object::New(info.Env());
    memory.Set("allocated", static_cast<double>(allocated.current));
    memory.Set("peakAllocated", static_cast<double>(allocated.peak));
    memory.Set("reserved", static_cast<double>(reserved.current));
    memory.Set("peakReserved", static_cast<double>(reserved.peak));
    memory.Set("free", static_cast<double>(free));
    memory.Set("total", static_cast<double>(total));
    return memory;
  });
}

// resetPeakDeviceMemory(device): peaks start again from what is held now; false: no such device.
Napi::Value reset_peak_device_memory(const Napi::CallbackInfo& info) {
  return guard(info.Env(), [&] {
    const auto device = accelerator_of(info[0]);
    if (device) at::getDeviceAllocator(device->type())->resetPeakStats(device->index());
    return Napi::Boolean::New(info.Env(), device.has_value());
  });
}

}  // namespace

void export_device(Napi::Env env, Napi::Object exports) {
  exports.Set("versions", Napi::Function::New(env, versions, "versions"));
  exports.Set("setThreads", Napi::Function::New(env, set_threads, "setThreads"));
  exports.Set("setDeterministic", Napi::Function::New(env, set_deterministic, "setDeterministic"));
  exports.Set("deviceMemory", Napi::Function::New(env, device_memory, "deviceMemory"));
  exports.Set("resetPeakDeviceMemory",
              Napi::Function::New(env, reset_peak_device_memory, "resetPeakDeviceMemory"));
}

}  // namespace lorashear
