// defines: export_file_slice
#pragma once

#include <napi.h>

namespace lorashear {

void export_file_slice(Napi::Env env, Napi::Object exports);

}  // namespace lorashear
