// Which of the instruction sets that loops are compiled for this processor has, and their tables.
#pragma once

#include <cstdint>

namespace lorashear {

enum class InstructionSet : uint8_t { baseline, avx2, avx512, avx512_bf16 };

// The best one that this processor has and that libtorch's own ATEN_CPU_CAPABILITY permits.
InstructionSet instruction_set();

}  // namespace lorashear

// Several sets in one build are GCC's way; else all loops are compiled for the baseline alone.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define LORASHEAR_X86_SETS
#endif

// Declares the table `loops` of every set, and names the one of this processor: the same table is
// compiled in each loops_<set>.cc, in a namespace of the set's name.
#ifdef LORASHEAR_X86_SETS
#define LORASHEAR_IN_EACH_SET(Type, loops) \
  namespace baseline {                     \
  extern const Type loops;                 \
  }                                        \
  namespace avx2 {                         \
  extern const Type loops;                 \
  }                                        \
  namespace avx512 {                       \
  extern const Type loops;                 \
  }                                        \
  namespace avx512_bf16 {                  \
  extern const Type loops;                 \
  }
#define LORASHEAR_CHOSEN(loops)                                          \
  (instruction_set() == InstructionSet::avx512_bf16 ? avx512_bf16::loops \
   : instruction_set() == InstructionSet::avx512    ? avx512::loops      \
   : instruction_set() == InstructionSet::avx2      ? avx2::loops        \
                                                    : baseline::loops)
#else
#define LORASHEAR_IN_EACH_SET(Type, loops) \
  namespace baseline {                     \
  extern const Type loops;                 \
  }
#define LORASHEAR_CHOSEN(loops) baseline::loops
#endif
