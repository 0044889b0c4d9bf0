package client_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"tallyman/client"
	"tallyman/internal/intake"
	"tallyman/internal/sample"
	"tallyman/internal/testing/service"
)

// The test binary is its own worker, like the program.
func TestMain(m *testing.M) {
	intake.RunIfWorker()
	os.Exit(m.Run())
}

// ok ends an example that fails.
func ok(err error) {
	if err != nil {
		panic(err)
	}
}

// start starts a service on this machine with a sample of three bills.
func start() (url string, bills, orders []byte, stop func()) {
	o := sample.Defaults()
	o.Bills, o.Lines = 3, 9
	s, err := sample.New(o)
	ok(err)
	dir, err := os.MkdirTemp("", "tallyman-example-*")
	ok(err)
	reader := intake.New(intake.Config{Workers: 1})
	running, err := service.Start(context.Background(), service.Options{Dir: dir, Reader: reader})
	ok(err)
	stop = func() {
		running.Close()
		reader.Close()
		os.RemoveAll(dir)
	}
	var pdf, export bytes.Buffer
	ok(errors.Join(s.WritePDF(&pdf), s.WriteOrders(&export)))
	return running.URL, pdf.Bytes(), export.Bytes(), stop
}

func ExampleClient_Run() {
	url, bills, orders, stop := start()
	defer stop()

	c := client.Client{URL: url, Session: "friday"}
	sheet, err := c.Run(context.Background(),
		client.Upload{Name: "bol.pdf", Content: bytes.NewReader(bills)},
		&client.Upload{Name: "orders.csv", Content: bytes.NewReader(orders)})
	ok(err)
	lines := strings.Split(strings.TrimSpace(string(sheet)), "\n")
	fmt.Println(len(lines)-1, "lines")
	// Output: 9 lines
}

func ExampleClient_Amend() {
	url, bills, _, stop := start()
	defer stop()
	ctx := context.Background()

	c := client.Client{URL: url, Session: "friday"}
	_, err := c.UploadBills(ctx, false, client.Upload{Name: "bol.pdf", Content: bytes.NewReader(bills)})
	ok(err)
	var before bytes.Buffer
	ok(c.Download(ctx, &before, "csv"))
	rows, err := csv.NewReader(&before).ReadAll()
	ok(err)
	load := client.Change{Revision: 2, By: "Ana", Add: []client.Amendment{
		{Kind: "fill", Bill: &client.Bill{Number: rows[1][24]}, Column: "Load #", Value: "4711"},
	}}
	a, err := c.Amend(ctx, load)
	ok(err)
	fmt.Println(a.Amendments[0].State, "at revision", a.Revision)

	// Somebody whose state is older is told what is there now.
	_, err = c.Amend(ctx, load)
	fmt.Println(client.CodeOf(err), len(client.NewestOf(err).Amendments), "amendment by", client.NewestOf(err).Amendments[0].By)

	// An earlier sheet has nothing that is not there.
	var filled bytes.Buffer
	ok(c.Download(ctx, &filled, "csv"))
	carried, err := c.Carry(ctx, client.Upload{Name: "earlier.csv", Content: &filled}, "Ana")
	ok(err)
	fmt.Println(carried.Carried, "values,", len(carried.Lost), "rows lost")
	_, err = c.Amend(ctx, client.Change{Undo: a.Added})
	ok(err)
	gone, err := c.Detach(ctx, "amendments.json", 0)
	ok(err)
	fmt.Println(gone.Removed.Name, gone.Revision)
	// Output:
	// applied at revision 3
	// changed 1 amendment by Ana
	// 0 values, 0 rows lost
	// amendments.json 5
}
