// defines: export_host_copy
#pragma once

#include <napi.h>

namespace lorashear {

void export_host_copy(Napi::Env env, Napi::Object exports);

}  // namespace lorashear
