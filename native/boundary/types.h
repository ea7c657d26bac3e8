// Which types of ATen's schemas cross to JavaScript, and the names of those that are numbers in
// libtorch.
#pragma once

#include <ATen/core/jit_type.h>

#include <string>
#include <unordered_map>

namespace lorashear {

// Whether values of this type can be given and returned at all.
bool crosses(const c10::Type& type);

// Names of the dtypes, layouts or memory formats.
const std::unordered_map<std::string, int64_t>& names_of(c10::TypeKind kind);

}  // namespace lorashear
