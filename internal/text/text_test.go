package text

import "testing"

func TestCountsAndSizesAreWrittenForPeople(t *testing.T) {
	for got, want := range map[string]string{
		Count(0, "carton"): "0 cartons", Count(1, "carton"): "1 carton", Count(2, "carton"): "2 cartons",
		Size(0): "0 bytes", Size(1): "1 byte", Size(1023): "1023 bytes", Size(1536): "1.5 kB",
		Size(3 << 20): "3.0 MB", Size(1 << 30): "1.0 GB", Size(5 << 40): "5.0 TB",
	} {
		if got != want {
			t.Errorf("it says %q, want %q", got, want)
		}
	}
}
