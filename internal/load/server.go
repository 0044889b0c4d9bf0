package load

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"tallyman/client"
	"tallyman/internal/child"
)

// Parse reads the command line: the documents to send, and how long each
// measurement lasts, a minute at most.
func Parse() (d Documents, each time.Duration, err error) {
	bol := pflag.String("bol", "", "the PDF of bills")
	orders := pflag.String("orders", "", "its order export")
	pflag.DurationVar(&each, "time", 5*time.Second, "how long each measurement lasts")
	pflag.Parse()
	d, err = Read(*bol, *orders)
	return d, min(each, time.Minute), err
}

// Build builds the program at a path. Arguments are for go build.
func Build(path string, args ...string) error {
	cmd := exec.Command("go", append(append([]string{"build", "-trimpath", "-ldflags", "-s -w", "-o", path}, args...), "tallyman/cmd/tallyman")...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building the program: %w\n%s", err, out)
	}
	return nil
}

// Server is the program, serving on a port of this machine.
type Server struct {
	URL string
	PID int

	cmd   *exec.Cmd
	ended <-chan struct{}
}

// Serve starts the program and waits until it listens. It ends with this process
// at the latest.
func Serve(program string, args ...string) (*Server, error) {
	cmd := exec.Command(program, append([]string{"serve", "--listen", "127.0.0.1:0", "--log", "json"}, args...)...)
	out, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	read := make(chan struct{})
	ended, err := child.Start(cmd, syscall.SIGKILL, func() error { <-read; return cmd.Wait() })
	if err != nil {
		return nil, err
	}
	lines := bufio.NewReader(out)
	line, err := lines.ReadBytes('\n')
	var first struct{ URL string }
	if err != nil || json.Unmarshal(line, &first) != nil || first.URL == "" {
		cmd.Process.Kill()
		rest, _ := io.ReadAll(lines)
		close(read)
		<-ended
		return nil, fmt.Errorf("the server did not start: %s%s", line, rest)
	}
	go func() {
		io.Copy(io.Discard, lines)
		close(read)
	}()
	return &Server{URL: first.URL, PID: cmd.Process.Pid, cmd: cmd, ended: ended}, nil
}

// End has the server end, as operators do, and waits until it has.
func (s *Server) End() {
	s.cmd.Process.Signal(syscall.SIGTERM)
	<-s.ended
}

// Peak watches the memory of processes, each with those that it started, until it
// is stopped: then it returns the most that one of them had, in MB.
func Peak(pids ...int) (stop func() float64) {
	stopped, most := make(chan struct{}), make(chan float64)
	go func() {
		peak := 0.0
		for {
			for _, pid := range pids {
				now, _ := Memory(pid)
				peak = max(peak, now)
			}
			select {
			case <-stopped:
				most <- peak
				return
			case <-time.After(100 * time.Millisecond):
			}
		}
	}()
	return func() float64 { close(stopped); return <-most }
}

// upload returns both as a client uploads them.
func (d Documents) upload() (bills, orders client.Upload) {
	return client.Upload{Name: "bol.pdf", Content: bytes.NewReader(d.Bills)},
		client.Upload{Name: "orders.csv", Content: bytes.NewReader(d.Orders)}
}

// Workflow is clear, new, upload, upload-csv, download-bol, clear.
func (d Documents) Workflow(ctx context.Context, c *client.Client) error {
	bills, orders := d.upload()
	_, err := c.Run(ctx, bills, &orders)
	return err
}

// Fill leaves the client's session with bills and orders.
func (d Documents) Fill(ctx context.Context, c *client.Client) error {
	bills, orders := d.upload()
	if _, err := c.UploadBills(ctx, false, bills); err != nil {
		return err
	}
	_, err := c.UploadOrders(ctx, orders)
	return err
}
