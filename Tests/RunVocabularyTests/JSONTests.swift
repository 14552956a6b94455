// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunVocabulary
import Testing

@Suite struct JSONTests {
    static let sample: JSON = [
        "b": [1, -2, 0.5, 1e300, nil, true],
        "a": ["text": "é\n\u{1}\"\\/\u{7F}", "empty": [:], "none": []],
    ]

    @Test func `values keep their order and spelling`() throws {
        let text =
            #"{"b":[1,-2,0.5,1e+300,null,true],"a":{"text":"é\n\u0001\"\\/"# + "\u{7F}" + #"","empty":{},"none":[]}}"#
        #expect(Self.sample.text == text)
        #expect(try JSON(parsing: text) == Self.sample)
    }

    @Test func `the canonical form has one spelling`() throws {
        let scrambled = try JSON(
            parsing: #" { "a":{"none":[ ],"empty":{},"text":"\u00e9\n\u0001\"\\\/\u007f"},"#
                + #""b":[1,-2,5e-1,1E300,null,true] } "#
        )
        #expect(scrambled != Self.sample)
        #expect(scrambled.canonicalBytes == Self.sample.canonicalBytes)
        #expect(ContentDigest(ofCanonical: scrambled) == ContentDigest(ofCanonical: Self.sample))
    }

    @Test func `names are sorted by bytes, not by language`() {
        let json: JSON = ["é": 1, "z": 2, "Z": 3, "😀": 4, "\u{FF5E}": 5, "": 6]
        #expect(String(decoding: json.canonicalBytes, as: UTF8.self) == #"{"":6,"Z":3,"z":2,"é":1,"～":5,"😀":4}"#)
    }

    @Test func `the pretty form is for people`() {
        let json: JSON = ["a": [1, ["b": []]], "c": [:], "d": " "]
        #expect(
            json.prettyText == """
                {
                  "a": [
                    1,
                    {
                      "b": []
                    }
                  ],
                  "c": {},
                  "d": " "
                }
                """
        )
        #expect(JSON.int(1).prettyText == "1")
    }

    @Test(arguments: [
        ("0", JSON.int(0)), ("-0", .double(-0.0)), ("9223372036854775807", .int(.max)),
        ("-9223372036854775808", .int(.min)), ("9223372036854775808", .double(9_223_372_036_854_775_808)),
        ("1.0", .double(1)), ("1e2", .double(100)), ("5e-324", .double(.leastNonzeroMagnitude)), ("1E+2", .double(100)),
    ])
    func `whole numbers stay whole as long as 64 bits hold them`(text: String, value: JSON) throws {
        #expect(try JSON(parsing: text) == value)
        #expect(try JSON(parsing: value.text) == value)
    }

    @Test func `numbers that JSON lacks become strings`() {
        #expect(
            JSON.array([.double(.nan), .double(.infinity), .double(-.infinity)]).text
                == #"["NaN","Infinity","-Infinity"]"#
        )
    }

    @Test(arguments: [
        ("", 0), (" ", 1), ("{", 1), ("[1,", 3), ("[1 2]", 3), ("{\"a\":1,}", 7), ("[1,]", 3), ("{a:1}", 1),
        ("{\"a\" 1}", 5), ("01", 1), ("1.", 2), ("-", 1), (".5", 0), ("+1", 0), ("1e", 2), ("0x1", 1), ("1e999", 0),
        ("tru", 0), ("nulll", 4), ("NaN", 0), ("'a'", 0), ("\"a", 2), ("\"\\", 2), ("\"\n\"", 1), ("\"\\x\"", 1),
        ("\"\\u12g4\"", 5), ("\"\\ud800\"", 1), ("\"\\ud800\\u0041\"", 1), ("\"\\udc00\"", 1), ("1 2", 2),
        ("{\"a\":1,\"b\":2,\"a\":3}", 13), ("\u{FEFF}1", 0), ("[1]//", 3),
    ])
    func `what is not JSON is refused where it starts to be wrong`(text: String, offset: Int) {
        let error = #expect(throws: JSONError.self) { try JSON(parsing: text) }
        #expect(error?.offset == offset, "\(text): \(error?.message ?? "")")
    }

    @Test func `invalid UTF-8 is refused`() {
        for bytes: [UInt8] in [[0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xE2, 0x82]] {
            #expect(throws: JSONError("this string is not valid UTF-8", at: 1)) {
                try JSON(parsing: [0x22] + bytes + [0x22])
            }
        }
    }

    @Test func `surrogate pairs make one scalar`() throws {
        #expect(try JSON(parsing: #""\ud83d\uDE00""#) == "😀")
    }

    @Test func `a name used twice is found in big objects too`() {
        let members = (0..<100).map { #""n\#($0)":0"# }.joined(separator: ",")
        #expect(throws: Never.self) { try JSON(parsing: "{\(members)}") }
        #expect(throws: JSONError.self) { try JSON(parsing: "{\(members),\"n7\":1}") }
    }

    @Test func `depth and size have limits`() throws {
        func nest(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        #expect(throws: Never.self) { try JSON(parsing: nest(128)) }
        #expect(throws: JSONError("nested deeper than 128 levels", at: 128)) { try JSON(parsing: nest(129)) }
        #expect(throws: JSONError.self) { try JSON(parsing: String(repeating: "[", count: 1_000_000)) }
        #expect(throws: JSONError("longer than 3 bytes", at: 3)) { try JSON(parsing: "[12]", limits: .init(bytes: 3)) }
    }

    @Test func `random bytes never crash the parser`() {
        var generator = SplitMix(state: 41)
        let alphabet = Array("{}[]\",:\\ue0123.-+truefalsn \n\u{0}é".utf8)
        for _ in 0..<5_000 {
            let bytes = (0..<Int.random(in: 0..<40, using: &generator)).map { _ in
                alphabet.randomElement(using: &generator) ?? 0
            }
            if let json = try? JSON(parsing: bytes) {
                #expect((try? JSON(parsing: json.bytes)) == json)
            }
        }
    }

    @Test func `members and elements are found`() {
        #expect(Self.sample["a"]?["text"]?.stringValue?.first == "é")
        #expect(Self.sample["b"]?[1]?.intValue == -2)
        #expect(Self.sample["b"]?[1]?.doubleValue == -2)
        #expect(Self.sample["b"]?[9] == nil && Self.sample["c"] == nil && Self.sample[0] == nil)
        #expect(JSON.bool(true).boolValue == true && JSON.null.isNull)
    }
}

@Suite struct JSONWriterTests {
    @Test func `a writer makes the same bytes as a value`() {
        var writer = JSONWriter()
        writer.beginObject()
        writer.field("kind", "probeFinished")
        writer.field("attempt", 3)
        writer.field("least", Int64.min)
        writer.field("load", 0.25)
        writer.field("fine", true)
        writer.field("results", ["a": [nil]])
        writer.key("a\"b")
        writer.beginArray()
        writer.value("x")
        writer.null()
        writer.endArray()
        writer.endObject()
        let json: JSON = [
            "kind": "probeFinished", "attempt": 3, "least": .int(.min), "load": 0.25, "fine": true,
            "results": ["a": [nil]], "a\"b": ["x", nil],
        ]
        #expect(writer.text == json.text)
        writer.removeAll()
        writer.value(UInt64.max)
        #expect(writer.text == "18446744073709551615")
    }
}

/// A small seeded generator: the same numbers in every process.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var z = self.state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
