// Selfheal
// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import Glibc

/// The few things done to files, with errors that name the file.
///
/// Reading is by hand because files in `/proc` say that they are empty and are not.
enum Files {
    /// Larger files than this are not ours: the largest is ZooKeeper's preallocated log of 64 MiB.
    static let sizeLimit = 128 << 20

    /// The bytes of a file, or `nil` when it cannot be read or is larger than ``sizeLimit``.
    static func read(_ path: String) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            return nil
        }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        let chunkSize = 65_536
        var chunk = [UInt8](repeating: 0, count: chunkSize)
        while bytes.count <= Self.sizeLimit {
            let count = Glibc.read(descriptor, &chunk, chunkSize)
            if count == 0 {
                return bytes
            }
            if count < 0 {
                guard errno == EINTR else {
                    return nil
                }
                continue
            }
            bytes.append(contentsOf: chunk[..<count])
        }
        return nil
    }

    static func readText(_ path: String) -> String? {
        Self.read(path).map { String(decoding: $0, as: UTF8.self) }
    }

    static func write(
        _ path: String,
        _ text: String,
        mode: mode_t = 0o600,
        isNew: Bool = false
    ) throws(PracticeClusterError) {
        try Self.write(path, Array(text.utf8), mode: mode, isNew: isNew)
    }

    /// Writes a file whole; one that has to be new fails when there is one already.
    static func write(
        _ path: String,
        _ bytes: [UInt8],
        mode: mode_t = 0o600,
        isNew: Bool = false
    ) throws(PracticeClusterError) {
        let descriptor = open(path, O_WRONLY | O_CREAT | (isNew ? O_EXCL : O_TRUNC) | O_CLOEXEC, mode)
        guard descriptor >= 0 else {
            throw PracticeClusterError(.file, "'\(path)' cannot be written: \(Self.reason())")
        }
        defer { close(descriptor) }
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else {
                if count < 0, errno == EINTR {
                    continue
                }
                throw PracticeClusterError(.file, "'\(path)' cannot be written: \(Self.reason())")
            }
            rest = rest.dropFirst(count)
        }
    }

    /// A reader sees the old bytes or the new ones, never a part.
    static func replace(_ path: String, with bytes: [UInt8]) throws(PracticeClusterError) {
        try Self.write(path + ".new", bytes)
        guard rename(path + ".new", path) == 0 else {
            throw PracticeClusterError(.file, "'\(path)' cannot be replaced: \(Self.reason())")
        }
    }

    static func makeFolder(_ path: String) throws(PracticeClusterError) {
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else {
            throw PracticeClusterError(.file, "the folder '\(path)' cannot be made: \(Self.reason())")
        }
    }

    static func remove(_ path: String) throws(PracticeClusterError) {
        do {
            try FileManager.default.removeItem(atPath: path)
        } catch CocoaError.fileNoSuchFile {
            return
        } catch {
            throw PracticeClusterError(.file, "'\(path)' cannot be removed: \(error)")
        }
    }

    /// The names in a folder, sorted; none when there is no such folder.
    static func names(in folder: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()
    }

    static func exists(_ path: String) -> Bool {
        access(path, F_OK) == 0
    }

    /// What `errno` says; call it directly after the call that failed.
    static func reason(_ number: Int32 = errno) -> String {
        String(cString: strerror(number))
    }
}
