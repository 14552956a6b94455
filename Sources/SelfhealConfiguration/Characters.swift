// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunbookSource

/// Which characters a configured text may hold.
enum Characters {
    static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: false
        }
    }

    /// A name that files, shells and people can carry: `kafka-1`, `kafka1.example.com`, `kafka@data.service`.
    static func isName(_ text: String) -> Bool {
        self.begins(text, andGoesOnWith: "._-@")
    }

    /// A name that expressions use.
    static func isExpressionName(_ text: String) -> Bool {
        guard let first = text.utf8.first, (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(first) else {
            return false
        }
        return text.utf8.count <= 64
            && text.utf8.allSatisfy { byte in
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || byte == UInt8(ascii: "_")
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
            }
    }

    /// A host's name or address; never one that a command could take for an option.
    static func isHost(_ text: String) -> Bool {
        self.begins(text, andGoesOnWith: "._-:%") || text.hasPrefix(":") && self.isHost("0" + text)
    }

    private static let nameLimit = 253

    private static func begins(_ text: String, andGoesOnWith others: String) -> Bool {
        guard let first = text.utf8.first, self.isLetterOrDigit(first), text.utf8.count <= self.nameLimit else {
            return false
        }
        return text.utf8.allSatisfy { self.isLetterOrDigit($0) || others.utf8.contains($0) }
    }
}

/// Where paths of this machine begin.
struct LocalFolders: Hashable {
    /// The folder of the configuration's file.
    let base: String
    let home: String?
    /// The folders of the other files that it is put together from, by their paths.
    var others: [String: String] = [:]

    /// `~/` is the home folder, and what is not absolute lies beside the file in which it is written.
    func resolve(_ path: Spanned<String>) -> String {
        self.resolve(path.value, beside: self.others[path.span.path] ?? self.base)
    }

    /// The same for a path that is written nowhere, and so lies beside the configuration.
    func resolve(_ path: String) -> String {
        self.resolve(path, beside: self.base)
    }

    private func resolve(_ path: String, beside folder: String) -> String {
        if path.hasPrefix("/") {
            return path
        }
        if path.hasPrefix("~/"), let home = self.home {
            return home + path.dropFirst()
        }
        return folder.isEmpty || folder == "." ? path : "\(folder)/\(path)"
    }

    /// The folder that a file lies in, as its path names it.
    static func folder(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else {
            return "."
        }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }
}
