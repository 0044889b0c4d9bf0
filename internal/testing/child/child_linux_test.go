package child_test

import (
	"os/exec"
	"syscall"
	"testing"
	"time"

	"tallyman/internal/testing/child"
	"tallyman/internal/testing/must"
)

// A worker that the same thread has started must not end because a server has ended.
func TestTheEndOfAChildHarmsNoOtherProcessOfItsThread(t *testing.T) {
	for range 3 { // the first thread of a program never ends
		other := exec.Command("cat")
		other.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		input, err := other.StdinPipe()
		must.OK(t, err)
		cmd := exec.Command("true")
		ended, err := child.Start(cmd, syscall.SIGKILL, func() error {
			if err := other.Start(); err != nil { // on the thread of the child
				t.Error(err)
			}
			return cmd.Wait()
		})
		must.OK(t, err)
		<-ended
		time.Sleep(200 * time.Millisecond) // a thread that ends does so after its goroutine
		input.Close()
		if err := other.Wait(); err != nil {
			t.Errorf("the other process: %v", err)
		}
	}
}
