package worker

import (
	"encoding/binary"
	"testing"

	"tallyman/internal/testing/must"

	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/net/bpf"
)

// WithC is true if the program is linked with the C library.
const WithC = withC

// Filter returns a function that evaluates the filter of an architecture, which system
// calls are listed without conditions, and the numbers of system calls by their name.
func Filter(t *testing.T, name string, self int) (evaluate func(arch, number uint32, arguments [6]uint64) uint32, listed map[uint32]bool, number func(string) uint32) {
	t.Helper()
	var info *arch.Info
	for _, i := range []*arch.Info{arch.X86_64, arch.AARCH64} {
		if i.Name == name {
			info = i
		}
	}
	vm, err := bpf.NewVM(filter(info, self, kill))
	must.OK(t, err)
	listed = map[uint32]bool{}
	for _, names := range [][]string{allowed, opening} {
		for _, name := range names {
			if n, ok := info.SyscallNames[name]; ok {
				listed[uint32(n)] = true
			}
		}
	}
	return func(arch, number uint32, arguments [6]uint64) uint32 {
		// The machine loads words as networks send them, the kernel as memory has them.
		words := []uint32{number, arch, 0, 0}
		for _, a := range arguments {
			words = append(words, uint32(a), uint32(a>>32))
		}
		data, err := binary.Append(nil, binary.BigEndian, words)
		must.OK(t, err)
		got, err := vm.Run(data)
		must.OK(t, err)
		return uint32(got)
	}, listed, func(name string) uint32 { return uint32(info.SyscallNames[name]) }
}
