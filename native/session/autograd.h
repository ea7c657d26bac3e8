// defines: export_autograd
#pragma once

#include <napi.h>

namespace lorashear {

void export_autograd(Napi::Env env, Napi::Object exports);

}  // namespace lorashear
