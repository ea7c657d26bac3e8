// Checked reading of offsets, element types and shapes.
#include "io/extent.h"

#include <cmath>

#include "boundary/guard.h"
#include "boundary/marshal.h"

namespace lorashear {

uint64_t whole_of(const Napi::Value& value, const std::string& name) {
  constexpr double kSafeInteger = 9007199254740992.0;
  const double number = number_of(value, name);
  if (!(number >= 0 && number <= kSafeInteger) || std::floor(number) != number) {
    throw BadArgument("argument '" + name + "' must be a whole number from 0 to 2^53, got " +
                      std::to_string(number));
  }
  return static_cast<uint64_t>(number);
}

at::ScalarType element_type_of(const Napi::Value& value) {
  const uint64_t code = whole_of(value, "dtype");
  const bool plain =
      code <= 11 || code == 15 || (code >= 23 && code <= 29) || code == 44 || code == 45;
  if (!plain) throw BadArgument(std::to_string(code) + " is no element type of plain bytes");
  return static_cast<at::ScalarType>(code);
}

uint64_t bytes_of(const std::vector<int64_t>& shape, at::ScalarType type) {
  auto bytes = static_cast<int64_t>(c10::elementSize(type));
  for (const int64_t extent : shape) {
    if (extent < 0) throw BadArgument("the extent " + std::to_string(extent) + " is negative");
    if (__builtin_mul_overflow(bytes, extent, &bytes)) {
      throw BadArgument("the shape takes more than 2^63 bytes");
    }
  }
  return static_cast<uint64_t>(bytes);
}

}  // namespace lorashear
