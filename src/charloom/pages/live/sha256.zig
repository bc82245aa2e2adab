//! SHA-256 for worker.js, because a page from a plain http server has no crypto.subtle.

/// Replace the first 32 of these bytes by the SHA-256 of all.
export fn sha256(bytes: [*]u8, length: usize) void {
    @import("std").crypto.hash.sha2.Sha256.hash(bytes[0..length], bytes[0..32], .{});
}
