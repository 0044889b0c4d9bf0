package soak

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"tallyman/internal/testing/child"
)

// canJump says that the wall clock of one process can be moved.
const canJump = true

// wallClock moves the wall clock of one process, and of no other: it replaces the
// function by which the kernel tells a process the time without a system call (vDSO,
// clock_gettime) by one that adds an offset to CLOCK_REALTIME. The monotonic clock stays
// as it is, as when somebody sets the clock of the machine.
type wallClock struct {
	memory *os.File
	offset int64 // the address of the offset, in seconds
}

// detour is the new function, without the offset that follows it.
var detour = []byte{
	0xb8, 228, 0, 0, 0, // mov eax, SYS_clock_gettime
	0x0f, 0x05, // syscall
	0x85, 0xff, // test edi, edi: is it CLOCK_REALTIME?
	0x75, 0x0e, // jne to ret
	0x85, 0xc0, // test eax, eax: did it succeed?
	0x75, 0x0a, // jne to ret
	0x48, 0x8b, 0x0d, 10, 0, 0, 0, // mov rcx, [rip+10]: the offset
	0x48, 0x01, 0x0e, // add [rsi], rcx
	0xc3,                               // ret
	0x90, 0x90, 0x90, 0x90, 0x90, 0x90, // so that the offset is aligned
}

// openClock takes hold of the clock of a child of a process, which must not be stopped.
func openClock(pid, parent int) (*wallClock, error) {
	if err := child.Signal(pid, parent, stopped); err != nil {
		return nil, err
	}
	defer child.Signal(pid, parent, continued)
	memory, err := os.OpenFile(fmt.Sprintf("/proc/%d/mem", pid), os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	w := &wallClock{memory: memory}
	if err := w.detour(pid); err != nil {
		memory.Close()
		return nil, err
	}
	return w, nil
}

func (w *wallClock) detour(pid int) error {
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return err
	}
	var from, to int64
	for line := range strings.Lines(string(maps)) {
		if strings.HasSuffix(line, "[vdso]\n") {
			if _, err := fmt.Sscanf(line, "%x-%x ", &from, &to); err != nil {
				return err
			}
		}
	}
	image := make([]byte, to-from)
	if _, err := w.memory.ReadAt(image, from); err != nil {
		return fmt.Errorf("reading the vDSO: %w", err)
	}
	f, err := elf.NewFile(bytes.NewReader(image))
	if err != nil {
		return err
	}
	symbols, err := f.DynamicSymbols()
	if err != nil {
		return err
	}
	entry := int64(0)
	for _, s := range symbols {
		if s.Name == "__vdso_clock_gettime" {
			entry = int64(s.Value)
		}
	}
	room := int64(len(image)-len(detour)-8) &^ 63
	if entry == 0 || len(bytes.Trim(image[room:], "\x00")) > 0 {
		return errors.New("the vDSO is not as it was expected")
	}
	if err := away(pid, from+entry, from+entry+16); err != nil {
		return err
	}
	if _, err := w.memory.WriteAt(detour, from+room); err != nil {
		return fmt.Errorf("writing the vDSO: %w", err)
	}
	jump := binary.LittleEndian.AppendUint32([]byte{0xe9}, uint32(int32(room-entry-5)))
	if _, err := w.memory.WriteAt(jump, from+entry); err != nil {
		return fmt.Errorf("writing the vDSO: %w", err)
	}
	w.offset = from + room + int64(len(detour))
	return nil
}

// away waits until all threads of a stopped process have stopped, and fails if one of
// them is about to execute what lies between two addresses.
func away(pid int, from, to int64) error {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/syscall", pid))
	if err != nil {
		return err
	}
	for _, path := range tasks {
		for end := time.Now().Add(10 * time.Second); ; {
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			f := strings.Fields(string(b))
			if len(f) > 1 { // else "running"
				if at, err := strconv.ParseInt(strings.TrimPrefix(f[len(f)-1], "0x"), 16, 64); err == nil && at >= from && at < to {
					return errMissed
				}
				break
			}
			if time.Now().After(end) {
				return fmt.Errorf("%s does not stop", path)
			}
		}
	}
	return nil
}

// set moves the clock: offset is the difference from the machine's.
func (w *wallClock) set(offset time.Duration) error {
	_, err := w.memory.WriteAt(binary.LittleEndian.AppendUint64(nil, uint64(int64(offset.Seconds()))), w.offset)
	return err
}

func (w *wallClock) close() { w.memory.Close() }
