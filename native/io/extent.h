// Numbers of JavaScript that say where bytes lie: checked as integers before any of them moves a
// pointer.
#pragma once

#include <c10/core/ScalarType.h>
#include <napi.h>

#include <cstdint>
#include <string>
#include <vector>

namespace lorashear {

// A whole number from 0 to 2^53; NaN, fractions, negative and larger numbers are BadArgument.
uint64_t whole_of(const Napi::Value& value, const std::string& name);

// libtorch's number of an element type that plain bytes can hold (no quantized, no bit types).
at::ScalarType element_type_of(const Napi::Value& value);

// Bytes of a contiguous tensor; an extent below 0 or a product above 2^63 is BadArgument.
uint64_t bytes_of(const std::vector<int64_t>& shape, at::ScalarType type);

}  // namespace lorashear
