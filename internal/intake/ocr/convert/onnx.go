package main

import (
	"encoding/binary"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// An ONNX file is a protocol buffer. What is needed of it is read without the code that is
// generated of the format, which would be a dependency of 20,000 lines.

// graph is what is needed of an ONNX model: its operations, in their order, and its constants
// by their names.
type graph struct {
	nodes     []*node
	constants map[string][]float32
}

// node is an operation of the graph, with its attributes that are numbers.
type node struct {
	op     string
	inputs []string
	floats map[string]float32
}

// field is one field of a message: a number in n, or bytes in b.
type field struct {
	id protowire.Number
	n  uint64
	b  []byte
}

// fields splits a message.
func fields(b []byte) (all []field, err error) {
	for len(b) > 0 {
		id, kind, n := protowire.ConsumeTag(b)
		size := protowire.ConsumeFieldValue(id, kind, b[max(n, 0):])
		if err := protowire.ParseError(min(n, size)); err != nil {
			return nil, err
		}
		f, value := field{id: id}, b[n:n+size]
		switch kind {
		case protowire.VarintType:
			f.n, _ = protowire.ConsumeVarint(value)
		case protowire.Fixed32Type:
			f.n = uint64(binary.LittleEndian.Uint32(value))
		case protowire.BytesType:
			f.b, _ = protowire.ConsumeBytes(value)
		}
		all, b = append(all, f), b[n+size:]
	}
	return all, nil
}

// readGraph reads a ModelProto.
func readGraph(b []byte) (*graph, error) {
	g := &graph{constants: map[string][]float32{}}
	model, err := fields(b)
	if err != nil {
		return nil, err
	}
	for _, f := range model {
		if f.id != 7 { // a GraphProto
			continue
		}
		parts, err := fields(f.b)
		if err != nil {
			return nil, err
		}
		for _, f := range parts {
			switch f.id {
			case 1:
				err = g.addNode(f.b)
			case 5:
				err = g.addConstant("", f.b)
			}
			if err != nil {
				return nil, err
			}
		}
	}
	return g, nil
}

// addNode adds the operation of a NodeProto.
func (g *graph) addNode(b []byte) error {
	n, output := &node{floats: map[string]float32{}}, ""
	all, err := fields(b)
	if err != nil {
		return err
	}
	for _, f := range all {
		switch f.id {
		case 1:
			n.inputs = append(n.inputs, string(f.b))
		case 2:
			output = string(f.b)
		case 4:
			n.op = string(f.b)
		}
	}
	for _, f := range all {
		if f.id != 5 { // an AttributeProto
			continue
		}
		attribute, err := fields(f.b)
		if err != nil {
			return err
		}
		name := ""
		for _, f := range attribute {
			switch f.id {
			case 1:
				name = string(f.b)
			case 2:
				n.floats[name] = math.Float32frombits(uint32(f.n))
			case 5:
				if n.op == "Constant" {
					err = g.addConstant(output, f.b)
				}
			}
		}
		if err != nil {
			return err
		}
	}
	g.nodes = append(g.nodes, n)
	return nil
}

// addConstant adds the numbers of a TensorProto, under its own name if no other is given.
func (g *graph) addConstant(name string, b []byte) error {
	const float = 1 // the only kind that is needed
	var kind uint64
	var numbers, raw []byte
	all, err := fields(b)
	if err != nil {
		return err
	}
	for _, f := range all {
		switch f.id {
		case 2:
			kind = f.n
		case 4:
			numbers = append(numbers, f.b...)
		case 8:
			if name == "" {
				name = string(f.b)
			}
		case 9:
			raw = f.b
		}
	}
	if kind == float {
		numbers = append(numbers, raw...)
	}
	var floats []float32
	for ; len(numbers) >= 4; numbers = numbers[4:] {
		floats = append(floats, math.Float32frombits(binary.LittleEndian.Uint32(numbers)))
	}
	g.constants[name] = floats
	return nil
}
