//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"tallyman/internal/intake"
	"tallyman/internal/testing/hostile"
	"tallyman/internal/testing/service"
)

// The test binary also is the program: under the name tallyman it runs main, and as a
// worker it serves calls.
func TestMain(m *testing.M) {
	intake.RunIfWorker()
	testscript.Main(prepared{m}, map[string]func(){
		"tallyman":     program,
		"unprivileged": unprivileged,
	})
}

// envClosing is the environment variable by which a test shortens closingTime.
const envClosing = "TALLYMAN_TEST_CLOSING"

func program() {
	if d, err := time.ParseDuration(os.Getenv(envClosing)); err == nil {
		closingTime = d
	}
	main()
}

// prepared runs the tests after their common preparation.
type prepared struct{ *testing.M }

func (p prepared) Run() int {
	if err := warmCache(); err != nil {
		fmt.Fprintln(os.Stderr, "reading a first page:", err)
		return 1
	}
	// The unprivileged user of some tests must be able to reach the program.
	if program, err := exec.LookPath("tallyman"); err == nil {
		bin := filepath.Dir(program)
		os.Chmod(filepath.Dir(bin), 0o755)
		os.Chmod(bin, 0o755)
	}
	return p.M.Run()
}

// warmCache compiles the PDF engine, which takes seconds. If all scripts compiled it
// at once, before the first has cached it, each would take long.
func warmCache() error {
	r := intake.New(service.Patient)
	defer r.Close()
	doc := string(hostile.TextPDF("warm"))
	_, err := r.Picture(context.Background(), intake.File{ReaderAt: strings.NewReader(doc), Size: int64(len(doc))}, 1, 100)
	return err
}
