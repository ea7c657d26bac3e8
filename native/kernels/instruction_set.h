// Which of the instruction sets that loops are compiled for this processor has, and their tables.
#pragma once

#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>

#include <cstdint>
#include <type_traits>

// Several sets in one build are GCC's way; else all loops are compiled for the baseline alone.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define LORASHEAR_X86_SETS
#endif

namespace lorashear {

enum class InstructionSet : uint8_t { baseline, avx2, avx512, avx512_bf16 };

// The best one that this processor has and that libtorch's own ATEN_CPU_CAPABILITY permits.
InstructionSet instruction_set();

// The same loops for every storage.
template <template <typename> class Loops>
struct OfStorages {
  Loops<float> f32;
  Loops<c10::BFloat16> bf16;
  Loops<c10::Half> f16;

  template <typename T>
  const Loops<T>& of() const {
    if constexpr (std::is_same_v<T, float>) return f32;
    if constexpr (std::is_same_v<T, c10::BFloat16>) return bf16;
    if constexpr (std::is_same_v<T, c10::Half>) return f16;
  }
};

}  // namespace lorashear

// Declares the table `loops` of every set, and names the one of this processor: the same table is
// compiled in each loops_<set>.cc, in a namespace of the set's name.
#define LORASHEAR_IN_SET(set, Type, loops) \
  namespace set {                          \
  extern const Type loops;                 \
  }
#ifdef LORASHEAR_X86_SETS
#define LORASHEAR_IN_EACH_SET(Type, loops) \
  LORASHEAR_IN_SET(baseline, Type, loops)  \
  LORASHEAR_IN_SET(avx2, Type, loops)      \
  LORASHEAR_IN_SET(avx512, Type, loops)    \
  LORASHEAR_IN_SET(avx512_bf16, Type, loops)
#define LORASHEAR_CHOSEN(loops)                                          \
  (instruction_set() == InstructionSet::avx512_bf16 ? avx512_bf16::loops \
   : instruction_set() == InstructionSet::avx512    ? avx512::loops      \
   : instruction_set() == InstructionSet::avx2      ? avx2::loops        \
                                                    : baseline::loops)
#else
#define LORASHEAR_IN_EACH_SET(Type, loops) LORASHEAR_IN_SET(baseline, Type, loops)
#define LORASHEAR_CHOSEN(loops) baseline::loops
#endif
