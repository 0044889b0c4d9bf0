//go:build unix

package watch

import "syscall"

// openFlags keep the opening of a name from following a link, and from waiting for the other
// end of a pipe.
const openFlags = syscall.O_NOFOLLOW | syscall.O_NONBLOCK
