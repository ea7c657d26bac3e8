// Memory of small CPU tensors from lists of free blocks instead of malloc.
#pragma once

namespace lorashear {

// Makes libtorch take the memory of CPU tensors up to 4 KiB from here; once in a process, before
// the first tensor.
void use_small_blocks();

}  // namespace lorashear
