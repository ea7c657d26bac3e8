// The one place where C++ exceptions become JavaScript errors: {code, message, detail}, never a
// crash.
#pragma once

#include <c10/util/Exception.h>
#include <napi.h>

#include <new>
#include <string>

#include "boundary/handles.h"

namespace lorashear {

// A caller's mistake found while reading arguments.
struct BadArgument : std::runtime_error {
  using std::runtime_error::runtime_error;
};

[[noreturn]] inline void throw_error(Napi::Env env, const char* code, const std::string& message,
                                     const std::string& detail = "") {
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", Napi::String::New(env, code));
  if (!detail.empty()) error.Set("detail", Napi::String::New(env, detail));
  throw error;
}

inline bool is_device_message(const std::string& text) {
  return text.find("CUDA error") != std::string::npos || text.find("cuBLAS") != std::string::npos ||
         text.find("CUDNN") != std::string::npos;
}

// CPU allocation failures arrive as a plain c10::Error; only their text tells them apart.
inline bool is_memory_message(const std::string& text) {
  return text.find("not enough memory") != std::string::npos ||
         text.find("can't allocate memory") != std::string::npos ||
         text.find("out of memory") != std::string::npos;
}

template <typename Fn>
auto guard(Napi::Env env, Fn&& fn) -> decltype(fn()) {
  try {
    return fn();
  } catch (const Napi::Error&) {
    throw;
  } catch (const StaleHandle& e) {
    throw_error(env, "TENSOR_DISPOSED", e.what());
  } catch (const BadArgument& e) {
    throw_error(env, "TENSOR_OP_FAILED", e.what());
  } catch (const c10::OutOfMemoryError& e) {
    throw_error(env, "OUT_OF_MEMORY", e.what_without_backtrace(), e.what());
  } catch (const c10::Error& e) {
    const std::string text = e.what_without_backtrace();
    const char* code = is_memory_message(text)   ? "OUT_OF_MEMORY"
                       : is_device_message(text) ? "DEVICE_FAILED"
                                                 : "TENSOR_OP_FAILED";
    throw_error(env, code, text, e.what());
  } catch (const std::bad_alloc& e) {
    throw_error(env, "OUT_OF_MEMORY", e.what());
  } catch (const std::exception& e) {
    throw_error(env, "NATIVE_FAILURE", e.what());
  }
}

}  // namespace lorashear
