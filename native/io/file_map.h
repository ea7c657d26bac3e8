// defines: export_file_map
#pragma once

#include <napi.h>

namespace lorashear {

void export_file_map(Napi::Env env, Napi::Object exports);

}  // namespace lorashear
