// The machine that libtorch sees: threads, devices, versions.
#include "session/device.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <torch/version.h>

#include "boundary/guard.h"
#include "boundary/marshal.h"

namespace lorashear {
namespace {

Napi::Value versions(const Napi::CallbackInfo& info) {
  return guard(info.Env(), [&] {
    Napi::Object versions = Napi::Object::New(info.Env());
    versions.Set("libtorch", TORCH_VERSION);
    versions.Set("capability", at::get_cpu_capability());
    versions.Set("threads", at::get_num_threads());
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

}  // namespace

void export_device(Napi::Env env, Napi::Object exports) {
  exports.Set("versions", Napi::Function::New(env, versions, "versions"));
  exports.Set("setThreads", Napi::Function::New(env, set_threads, "setThreads"));
  exports.Set("setDeterministic", Napi::Function::New(env, set_deterministic, "setDeterministic"));
}

}  // namespace lorashear
