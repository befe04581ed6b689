# Prints as JSON what AWS's client sees in a bucket:
# bucket.py <endpoint> <bucket> create | list | begin <key> | get <key>
import json
import sys

import boto3

endpoint, name, command, *arguments = sys.argv[1:]
s3 = boto3.client(
    "s3",
    endpoint_url=endpoint,
    region_name="us-east-1",
    aws_access_key_id="key-id",
    aws_secret_access_key="key-secret",
)


def objects():
    found = []
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=name):
        found.extend(page.get("Contents", []))
    return {one["Key"]: one["Size"] for one in found}


if command == "create":
    s3.create_bucket(Bucket=name)
    print("{}")
elif command == "list":
    uploads = s3.list_multipart_uploads(Bucket=name).get("Uploads", [])
    print(json.dumps({"objects": objects(), "uploads": [one["Key"] for one in uploads]}))
elif command == "begin":
    # An upload in parts that nobody completes.
    upload = s3.create_multipart_upload(Bucket=name, Key=arguments[0])
    s3.upload_part(
        Bucket=name,
        Key=arguments[0],
        UploadId=upload["UploadId"],
        PartNumber=1,
        Body=b"part",
    )
    print("{}")
elif command == "get":
    found = s3.get_object(Bucket=name, Key=arguments[0])
    content = found["Body"].read().hex()
    print(json.dumps({"type": found["ContentType"], "metadata": found["Metadata"], "content": content}))
