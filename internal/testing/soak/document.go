package soak

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"tallyman/internal/sample"
	"tallyman/internal/testing/load"
)

// Document is an invented PDF of bills with its order export. The numbers of its
// bills are unique, and identify it.
type Document struct {
	// Mark is the prefix of its bills' numbers.
	Mark string
	// PDF and CSV are the files.
	PDF, CSV []byte

	sample *sample.Sample
	once   sync.Once
	xlsx   []byte
}

// XLSX returns the orders as a workbook. It is made on the first call.
func (d *Document) XLSX() []byte {
	d.once.Do(func() { d.xlsx = load.Workbook(d.CSV) })
	return d.xlsx
}

// Bills is the number of its bills.
func (d *Document) Bills() int { return len(d.sample.Bills) }

// Lines is the number of lines of all its bills.
func (d *Document) Lines() int { return d.sample.Lines() }

// mostBills is the largest number of a document's bills: they share a mark, and
// differ in one digit.
const mostBills = 6

// press invents documents of one client, each with a unique mark.
type press struct {
	letter byte

	mu   sync.Mutex
	made int
	pool []*Document
}

// newPress invents n samples from a seed, from which it makes documents. letter is
// the first letter of all marks.
func newPress(letter byte, seed uint64, n int) (*press, error) {
	p := &press{letter: letter}
	for i := range n {
		o := sample.Options{Bills: 1 + i%mostBills, Seed: seed + uint64(i)}
		o.Lines = o.Bills + 2*(i%5)
		if i%3 == 1 && o.Lines > 3 {
			o.MissingOrders, o.NearMisses, o.ExtraOrders = 1, 1, 1
		}
		s, err := sample.New(o)
		if err != nil {
			return nil, err
		}
		p.pool = append(p.pool, &Document{sample: s})
	}
	return p, nil
}

// next makes a new document.
func (p *press) next() *Document {
	p.mu.Lock()
	p.made++
	n := p.made
	from := p.pool[n%len(p.pool)].sample
	p.mu.Unlock()
	d := &Document{Mark: fmt.Sprintf("%c%06d", p.letter, n), sample: &sample.Sample{Orders: append([]sample.Order(nil), from.Orders...)}}
	numbers := map[string]string{}
	for i, b := range from.Bills {
		renamed := *b
		renamed.Number = d.Mark + strconv.Itoa(i)
		numbers[b.Number] = renamed.Number
		d.sample.Bills = append(d.sample.Bills, &renamed)
	}
	for i := range d.sample.Orders {
		o := &d.sample.Orders[i]
		// Rows of bills that are not in the document get a number that no bill has.
		if number, ok := numbers[o.InvoiceNo]; ok {
			o.InvoiceNo = number
		} else {
			o.InvoiceNo = d.Mark + "9"
		}
	}
	var pdf, csv bytes.Buffer
	if err := errors.Join(d.sample.WritePDF(&pdf), d.sample.WriteOrders(&csv)); err != nil {
		panic(fmt.Sprintf("inventing a document: %v", err)) // a mistake in this program
	}
	d.PDF, d.CSV = pdf.Bytes(), csv.Bytes()
	return d
}

// together is the sheet of some bills with some order exports as package sample calculates
// it.
func together(bills, orders []file) ([]byte, error) {
	all := &sample.Sample{}
	for _, f := range bills {
		all.Bills = append(all.Bills, f.sample.Bills...)
	}
	write := all.WriteUnmatched
	for _, f := range orders {
		all.Orders = append(all.Orders, f.sample.Orders...)
		write = all.WriteExpected
	}
	var b bytes.Buffer
	err := write(&b)
	return b.Bytes(), err
}
