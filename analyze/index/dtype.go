package index

import "strings"

// DtypeBytes is the size of an element, 0 if the type is not known. Spellings are c10's, C++'s and NCCL's.
func DtypeBytes(dtype string) int64 {
	switch strings.TrimPrefix(strings.ToLower(dtype), "c10::") {
	case "float", "float32", "int", "int32", "uint32":
		return 4
	case "half", "float16", "bfloat16", "short", "short int", "int16":
		return 2
	case "double", "float64", "long", "long int", "int64", "uint64", "complexfloat":
		return 8
	case "byte", "char", "signed char", "unsigned char", "uint8", "int8", "bool",
		"float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz":
		return 1
	}
	return 0
}
