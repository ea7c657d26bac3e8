// Memory of large CPU tensors: it stays with the process, in huge pages.
#pragma once

#include <cstddef>

namespace lorashear {

// How malloc keeps what is freed; once in a process.
void keep_large_blocks();

// Asks for huge pages where `memory`, which malloc has just given, lies.
void want_huge_pages(void* memory, size_t bytes);

}  // namespace lorashear
