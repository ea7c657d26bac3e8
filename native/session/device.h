// defines: export_device
#pragma once

#include <napi.h>

namespace lorashear {

void export_device(Napi::Env env, Napi::Object exports);

}  // namespace lorashear
