// defines: export_random
#pragma once

#include <napi.h>

namespace lorashear {

void export_random(Napi::Env env, Napi::Object exports);

}  // namespace lorashear
