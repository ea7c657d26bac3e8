// Registration of the profile's functions with the addon.
#pragma once

#include <napi.h>

namespace lorashear {

void export_profile(Napi::Env env, Napi::Object exports);

}  // namespace lorashear
