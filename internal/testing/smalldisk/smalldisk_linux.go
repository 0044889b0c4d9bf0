package smalldisk

import (
	"bytes"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

const variable = "TALLYMAN_SMALL_DISK"

// Isolate has a program start where it may mount disks that no other process sees and that
// are gone when it ends: as root, or where the kernel lets users have name spaces. It
// must call Private before it mounts the first.
func Isolate(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
}

// Private keeps the mounts of an isolated program to itself.
func Private() error {
	return syscall.Mount("none", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, "")
}

// Mount mounts a disk of that size ("6m") at a folder.
func Mount(dir, size string) error {
	return syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size)
}

// Run runs the rest of a test in a separate process, in which dir is a file system of
// that size that no other process sees. The test fails where that is not possible.
func Run(t *testing.T, size string, rest func(t *testing.T, dir string)) {
	t.Helper()
	if dir := os.Getenv(variable); dir != "" {
		if err := Private(); err != nil {
			t.Fatalf("making mounts private: %v", err)
		}
		if err := Mount(dir, size); err != nil {
			t.Fatalf("mounting a small disk: %v", err)
		}
		rest(t, dir)
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=60m")
	cmd.Env = append(os.Environ(), variable+"="+t.TempDir())
	Isolate(cmd)
	out, err := cmd.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("--- PASS: "+t.Name())) {
		t.Errorf("%v\n%s", err, out)
	}
}
