// Mail shows what "tallyman mail" does: it starts a mail server on this machine, has a mail with
// an invented shipment arrive, runs the real program on it, and prints the answer.
package main

import (
	"context"
	"os"

	"tallyman/internal/testing/load"
	"tallyman/internal/testing/postoffice"
	"tallyman/internal/testing/program"
)

func main() {
	load.Main("bench/mail", func() {
		load.Check(postoffice.Show(context.Background(), os.Stdout, load.Must(program.Path())))
	})
}
