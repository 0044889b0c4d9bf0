package sqlite

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// sureHere is whether the holder of a lock can be seen.
const sureHere = true

// holder asks the kernel who has the lock, without touching it. Processes of other
// containers do not show.
func holder(lock *os.File) (pid int, err error) {
	info, err := lock.Stat()
	if err != nil {
		return 0, err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, nil
	}
	locks, err := os.Open("/proc/locks")
	if err != nil {
		return 0, err
	}
	defer locks.Close()
	want := fmt.Sprintf("%02x:%02x:%d", unix.Major(st.Dev), unix.Minor(st.Dev), st.Ino)
	// Btrfs and overlays tell stat another device than the kernel's own.
	said, _ := io.ReadAll(io.NewSectionReader(lock, 0, 32))
	claims, _ := strconv.Atoi(strings.TrimSpace(string(said)))
	inode := fmt.Sprintf(":%d", st.Ino)
	likely := 0
	lines := bufio.NewScanner(locks)
	for lines.Scan() {
		// 1: FLOCK  ADVISORY  WRITE 4242 fe:01:1234 0 EOF
		f := strings.Fields(lines.Text())
		if len(f) < 6 || f[1] != "FLOCK" {
			continue
		}
		if f[5] == want {
			return strconv.Atoi(f[4])
		}
		if claims > 0 && f[4] == strconv.Itoa(claims) && strings.HasSuffix(f[5], inode) && alive(claims) {
			likely = claims
		}
	}
	return likely, lines.Err()
}

// alive reports whether the process exists, whichever user runs it.
func alive(pid int) bool {
	err := unix.Kill(pid, 0)
	return err == nil || err == unix.EPERM
}
