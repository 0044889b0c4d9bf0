package client_test

import (
	"bytes"
	"context"
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

// start starts a service on this machine with a sample of three bills.
func start() (url string, bills, orders []byte, stop func(), err error) {
	o := sample.Defaults()
	o.Bills, o.Lines = 3, 9
	s, err := sample.New(o)
	if err != nil {
		return "", nil, nil, nil, err
	}
	dir, err := os.MkdirTemp("", "tallyman-example-*")
	if err != nil {
		return "", nil, nil, nil, err
	}
	reader := intake.New(intake.Config{Workers: 1})
	running, err := service.Start(context.Background(), service.Options{Dir: dir, Reader: reader})
	if err != nil {
		return "", nil, nil, nil, err
	}
	stop = func() {
		running.Close()
		reader.Close()
		os.RemoveAll(dir)
	}
	var pdf, export bytes.Buffer
	if err := errors.Join(s.WritePDF(&pdf), s.WriteOrders(&export)); err != nil {
		return "", nil, nil, nil, err
	}
	return running.URL, pdf.Bytes(), export.Bytes(), stop, nil
}

func ExampleClient_Run() {
	url, bills, orders, stop, err := start()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer stop()

	c := client.Client{URL: url, Session: "friday"}
	sheet, err := c.Run(context.Background(),
		client.Upload{Name: "bol.pdf", Content: bytes.NewReader(bills)},
		&client.Upload{Name: "orders.csv", Content: bytes.NewReader(orders)})
	if err != nil {
		fmt.Println(err)
		return
	}
	lines := strings.Split(strings.TrimSpace(string(sheet)), "\n")
	fmt.Println(len(lines)-1, "lines")
	// Output: 9 lines
}
