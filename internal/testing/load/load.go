// Package load is shared by the programs that measure servers: documents to send,
// clients, cheap connections, and the resource use of processes.
package load

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/xuri/excelize/v2"

	"tallyman/internal/sample"
)

// Documents are the files to send.
type Documents struct{ Bills, Orders []byte }

// Invent invents a PDF of bills and its order export. It ends the program at an error.
func Invent(o sample.Options) Documents {
	s := Must(sample.New(o))
	var bills, orders bytes.Buffer
	Check(s.WritePDF(&bills))
	Check(s.WriteOrders(&orders))
	return Documents{bills.Bytes(), orders.Bytes()}
}

// Workbook returns an order export as XLSX, all cells as texts.
func Workbook(export []byte) []byte {
	f := excelize.NewFile()
	defer f.Close()
	for i, row := range Must(csv.NewReader(bytes.NewReader(export)).ReadAll()) {
		Check(f.SetSheetRow("Sheet1", "A"+strconv.Itoa(i+1), &row))
	}
	var b bytes.Buffer
	Check(f.Write(&b))
	return b.Bytes()
}

// Clients repeatedly runs a function in n goroutines for a time, and returns the runs
// per second.
func Clients(n int, d time.Duration, f func(client, round int) error) (float64, error) {
	var all sync.WaitGroup
	var ran atomic.Int64
	var failed atomic.Pointer[error]
	began := time.Now()
	for i := range n {
		all.Go(func() {
			for round := 0; time.Since(began) < d && failed.Load() == nil; round++ {
				if err := f(i, round); err != nil {
					failed.Store(&err)
					return
				}
				ran.Add(1)
			}
		})
	}
	all.Wait()
	took := time.Since(began)
	if err := failed.Load(); err != nil {
		return 0, *err
	}
	return float64(ran.Load()) / took.Seconds(), nil
}

// Wire is a connection that sends prepared requests: net/http's client uses more
// processor time than the server.
type Wire struct {
	conn net.Conn
	r    *bufio.Reader
}

// Dial connects to a server at http://HOST:PORT.
func Dial(url string) (*Wire, error) {
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		return nil, err
	}
	return &Wire{conn, bufio.NewReader(conn)}, nil
}

// Close ends the connection.
func (w *Wire) Close() error { return w.conn.Close() }

// Ask sends a request and reads its answer, which must be 200.
func (w *Wire) Ask(request []byte) error {
	if _, err := w.conn.Write(request); err != nil {
		return err
	}
	length := 0
	for first := true; ; first = false {
		line, err := w.r.ReadSlice('\n')
		if err != nil {
			return err
		}
		if first && !bytes.HasPrefix(line, []byte("HTTP/1.1 200 ")) {
			return fmt.Errorf("the server answered %q", line)
		}
		if n, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			length, _ = strconv.Atoi(string(bytes.TrimSpace(n)))
		}
		if len(line) == 2 {
			break
		}
	}
	_, err := w.r.Discard(length)
	return err
}

// Rate measures requests of one kind over n connections, spread evenly over servers,
// in requests a second. request returns the method and the path. It ends the program at an
// error.
func Rate(urls []string, n int, d time.Duration, request func(client, round int) string) float64 {
	wires := make([]*Wire, n)
	for i := range wires {
		wires[i] = Must(Dial(urls[i%len(urls)]))
		defer wires[i].Close()
	}
	return Must(Clients(n, d, func(client, round int) error {
		return wires[client].Ask([]byte(request(client, round) + " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"))
	}))
}
