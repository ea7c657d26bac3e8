// Which of the instruction sets that loops are compiled for this processor has.
#pragma once

#include <cstdint>

namespace lorashear {

enum class InstructionSet : uint8_t { baseline, avx2, avx512, avx512_bf16 };

// The best one that this processor has and that libtorch's own ATEN_CPU_CAPABILITY permits.
InstructionSet instruction_set();

}  // namespace lorashear
