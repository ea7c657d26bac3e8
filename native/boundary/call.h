// defines: export_call (resolve, call)
#pragma once

#include <napi.h>

namespace lorashear {

void export_call(Napi::Env env, Napi::Object exports);

}  // namespace lorashear
