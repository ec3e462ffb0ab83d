"""Makes the bucket in moto, and looks at what the tests left in it: `bucket.py make|look ADDRESS`."""
import sys

import boto3
from botocore.config import Config

client = boto3.client(
    "s3", endpoint_url=sys.argv[2], region_name="eu-west-3", aws_access_key_id="key", aws_secret_access_key="secret",
    config=Config(proxies={}),
)
if sys.argv[1] == "make":
    client.create_bucket(Bucket="documents", CreateBucketConfiguration={"LocationConstraint": "eu-west-3"})
else:
    uploads = client.list_multipart_uploads(Bucket="documents").get("Uploads", [])
    objects = client.list_objects_v2(Bucket="documents").get("Contents", [])
    if uploads:
        sys.exit(f"contents: {len(uploads)} uploads were begun and neither completed nor given up")
    # One that was swept around, and the one with which memory was warmed.
    if sorted(one["Size"] for one in objects) != [262_144, 524_288]:
        sys.exit(f"contents: the bucket has {[(one['Key'], one['Size']) for one in objects]}")
    print("contents: the bucket has what it must, and no upload that was given up")
