package main

func (m *maker) measure(rows int) error { return nil }
