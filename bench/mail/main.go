// Mail shows what "tallyman mail" does: it starts a mail server on this machine, has a mail with
// an invented shipment arrive, runs the real program on it, and prints the answer.
package main

import (
	"context"
	"fmt"
	"os"

	"tallyman/internal/testing/postoffice"
	"tallyman/internal/testing/program"
)

func main() {
	path, err := program.Path()
	if err == nil {
		defer program.Forget()
		err = postoffice.Show(context.Background(), os.Stdout, path)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench/mail:", err)
		program.Forget()
		os.Exit(1)
	}
}
