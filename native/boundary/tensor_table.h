// defines: export_tensor_table
#pragma once

#include <napi.h>

namespace lorashear {

void export_tensor_table(Napi::Env env, Napi::Object exports);

}  // namespace lorashear
