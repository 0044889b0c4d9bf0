// Package smalldisk provides a disk for tests that can be filled, on Linux.
package smalldisk
