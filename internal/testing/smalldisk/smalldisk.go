// Package smalldisk gives tests a disk that can be filled up, on Linux.
package smalldisk
