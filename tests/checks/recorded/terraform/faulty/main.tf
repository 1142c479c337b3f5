terraform {
  required_providers { aws = { source = "hashicorp/aws", version = "5.100.0" } }
}
provider "aws" {
  region                      = "us-east-1"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
}
variable "db_password" {
  type    = string
  default = "hunter2-hunter2"
}
resource "aws_s3_bucket" "uploads" { bucket = "shop-uploads" }
resource "aws_s3_bucket_acl" "uploads" {
  bucket = aws_s3_bucket.uploads.id
  acl    = "public-read"
}
resource "aws_security_group" "web" {
  name = "web"
  ingress {
    from_port = 22
    to_port = 22
    protocol = "tcp"
    cidr_blocks = ["0.0.0.0/0"]
  }
}
resource "aws_db_instance" "main" {
  identifier = "shop"
  engine = "postgres"
  instance_class = "db.t3.micro"
  allocated_storage = 20
  username = "shop"
  password = var.db_password
  publicly_accessible = true
  skip_final_snapshot = true
}
resource "aws_iam_role" "fn" {
  name = "fn"
  assume_role_policy = jsonencode({Version="2012-10-17", Statement=[{Effect="Allow", Principal={Service="lambda.amazonaws.com"}, Action="sts:AssumeRole"}]})
}
data "aws_iam_policy_document" "fn" {
  statement {
    actions = ["s3:*"]
    resources = ["${aws_s3_bucket.uploads.arn}/*"]
  }
}
resource "aws_iam_role_policy" "fn" {
  role = aws_iam_role.fn.id
  policy = data.aws_iam_policy_document.fn.json
}
resource "aws_lambda_function" "orders" {
  function_name = "orders"
  role = aws_iam_role.fn.arn
  runtime = "python3.8"
  handler = "a.b"
  filename = "main.tf"
  timeout = 60
  environment { variables = { DB_PASSWORD = "hunter2-hunter2", LEVEL = "info" } }
}
resource "aws_lambda_function_url" "orders" {
  function_name = aws_lambda_function.orders.function_name
  authorization_type = "NONE"
}
resource "aws_sqs_queue" "jobs" {
  name = "jobs"
  sqs_managed_sse_enabled = false
}
resource "aws_sns_topic" "news" { name = "news" }
resource "aws_dynamodb_table" "orders" {
  name = "orders"
  billing_mode = "PAY_PER_REQUEST"
  hash_key = "id"
  attribute {
    name = "id"
    type = "S"
  }
}
