use std::alloc::{GlobalAlloc, Layout, System};

/// The system's allocator, but memory is wiped before it is given back, so that no copy of a secret
/// made on the way (a parser's buffer, a string that grew) stays behind in freed heap.
#[derive(Debug)]
pub struct WipingAllocator;

// SAFETY: every method hands the caller's own pointer and layout on to `System`, whose contract is
// the same. `realloc` is left to the trait: it allocates, copies and deallocates through the methods
// here, so the old block is wiped as well.
unsafe impl GlobalAlloc for WipingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps GlobalAlloc's contract for `layout`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller says that `block` came from this allocator with this layout and is no
        // longer used, so `layout.size()` bytes are ours to write. explicit_bzero(3) is a store that
        // the compiler may not remove as dead.
        unsafe {
            nix::libc::explicit_bzero(block.cast(), layout.size());
            System.dealloc(block, layout);
        }
    }
}
